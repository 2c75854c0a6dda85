//! The scripted kernel's machines: each operation noted, then answered as KVM would.

use std::os::fd::BorrowedFd;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use vm_memory::{GuestAddress, GuestMemoryRegion, GuestRegionMmap, VolatileSlice};

use super::super::{
    Capability, Errno, Error, Exit, FilterAction, Host, InterruptDevice, Kick, Level, MpState,
    Operation, RegisterId, Result, VcpuFeatures, VcpuOps, VmOps, WritableMasks,
};
use super::gic::{FakeGic, FakeIts};
use super::{Cpu, FakeHost, Presence, State, Step, Write, quantity};

/// A VM as long as any handle on it is left.
#[derive(Debug)]
pub(super) struct Open(FakeHost);

impl Open {
    pub(super) fn host(&self) -> &FakeHost {
        &self.0
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.lock().log.push((None, Operation::CloseVm));
    }
}

/// A VM of a [`FakeHost`]'s.
#[derive(Debug)]
pub(crate) struct FakeVm(Arc<Open>);

impl FakeVm {
    pub(super) fn new(host: &FakeHost) -> Self {
        Self(Arc::new(Open(host.clone())))
    }

    fn host(&self) -> &FakeHost {
        &self.0.0
    }
}

impl VmOps for FakeVm {
    type Vcpu = FakeVcpu;
    type Gic = FakeGic;
    type Its = FakeIts;

    fn capability(&self, capability: Capability) -> Result<u32> {
        self.host().capability(capability)
    }

    fn enable(&self, capability: Capability) -> Result<()> {
        let operation = Operation::Enable(capability);
        let state = self.host().ask(None, operation)?;
        match quantity(&state, capability) {
            0 => Err(Error {
                vcpu: None,
                operation,
                errno: Errno::EINVAL,
            }),
            _ => Ok(()),
        }
    }

    fn map_ram(&self, slot: u32, region: &GuestRegionMmap) -> Result<()> {
        let (start, size) = (region.start_addr(), region.len());
        self.host()
            .ask(None, Operation::MapRam { slot, start, size })
            .map(drop)
    }

    fn map_rom(&self, slot: u32, region: &GuestRegionMmap) -> Result<()> {
        let (start, size) = (region.start_addr(), region.len());
        self.host()
            .ask(None, Operation::MapRom { slot, start, size })
            .map(drop)
    }

    fn create_vcpu(&self, index: u32) -> Result<FakeVcpu> {
        let operation = Operation::CreateVcpu { index };
        let mut state = self.host().ask(Some(index), operation)?;
        if index >= quantity(&state, Capability::MaxVcpus) {
            return Err(Error {
                vcpu: Some(index),
                operation,
                errno: Errno::EINVAL,
            });
        }
        let number = state.cpus.len();
        let registers = state.registers.clone();
        state.cpus.push(Cpu::new(index, registers));
        Ok(FakeVcpu {
            index,
            number,
            vm: Arc::clone(&self.0),
        })
    }

    fn supports_smccc_filter(&self) -> bool {
        let asked = self.host().ask(None, Operation::ProbeSmcccFilter);
        asked.is_ok_and(|state| state.smccc_filter == Presence::Present)
    }

    fn filter_smccc(&self, base: u32, count: u32, action: FilterAction) -> Result<()> {
        let operation = Operation::FilterSmccc {
            base,
            count,
            action,
        };
        match self.host().ask(None, operation)?.smccc_filter {
            Presence::Present => Ok(()),
            Presence::Absent => Err(Error {
                vcpu: None,
                operation,
                errno: Errno::EINVAL,
            }),
        }
    }

    fn writable_masks(&self) -> Result<WritableMasks> {
        let operation = Operation::WritableMasks;
        let masks = self.host().ask(None, operation)?.writable_masks.clone();
        masks.ok_or(Error {
            vcpu: None,
            operation,
            errno: Errno::EINVAL,
        })
    }

    fn supports_device(&self, device: InterruptDevice) -> Result<bool> {
        let state = self.host().ask(None, Operation::ProbeDevice(device))?;
        Ok(!state.lacking_devices.contains(&device))
    }

    fn create_gic_v2(&self) -> Result<FakeGic> {
        self.create_device(InterruptDevice::GicV2, Operation::CreateGicV2)?;
        Ok(FakeGic::new(Arc::clone(&self.0)))
    }

    fn create_gic_v3(&self) -> Result<FakeGic> {
        self.create_device(InterruptDevice::GicV3, Operation::CreateGicV3)?;
        Ok(FakeGic::new(Arc::clone(&self.0)))
    }

    fn create_its(&self) -> Result<FakeIts> {
        self.create_device(InterruptDevice::Its, Operation::CreateIts)?;
        Ok(FakeIts::new(Arc::clone(&self.0)))
    }

    fn set_counter_offset(&self, offset: u64) -> Result<()> {
        let operation = Operation::SetCounterOffset(offset);
        self.host().ask(None, operation).map(drop)
    }

    fn set_irq_line(&self, intid: u32, level: Level) -> Result<()> {
        self.host()
            .ask(None, Operation::SetIrqLine { intid, level })
            .map(drop)
    }

    /// Noted, and no more: a write to the address still is an exit.
    fn signal_on_write(&self, address: GuestAddress, _: BorrowedFd<'_>) -> Result<()> {
        let operation = Operation::SignalOnWrite(address);
        self.host().ask(None, operation).map(drop)
    }
}

impl FakeVm {
    fn create_device(&self, device: InterruptDevice, operation: Operation) -> Result<()> {
        let state = self.host().ask(None, operation)?;
        match state.lacking_devices.contains(&device) {
            false => Ok(()),
            true => Err(Error {
                vcpu: None,
                operation,
                errno: Errno::ENODEV,
            }),
        }
    }
}

/// A vCPU of a [`FakeVm`]'s.
#[derive(Debug)]
pub(crate) struct FakeVcpu {
    index: u32,
    /// Its place in [`State::cpus`].
    number: usize,
    vm: Arc<Open>,
}

impl FakeVcpu {
    fn host(&self) -> &FakeHost {
        &self.vm.0
    }

    fn ask(&self, operation: Operation) -> Result<MutexGuard<'_, State>> {
        self.host().ask(Some(self.index), operation)
    }

    /// Most operations need an initialised vCPU.
    fn ask_initialised(&self, operation: Operation) -> Result<MutexGuard<'_, State>> {
        let state = self.ask(operation)?;
        match state.cpus[self.number].features {
            Some(_) => Ok(state),
            None => Err(self.error(operation, Errno::ENOEXEC)),
        }
    }

    /// Whether there is such a register.
    fn existing(&self, state: &State, register: RegisterId, operation: Operation) -> Result<()> {
        let listed = state.cpus[self.number].registers.contains_key(&register);
        match listed || state.unlisted == Presence::Present {
            true => Ok(()),
            false => Err(self.error(operation, Errno::ENOENT)),
        }
    }

    fn error(&self, operation: Operation, errno: Errno) -> Error {
        Error {
            vcpu: Some(self.index),
            operation,
            errno,
        }
    }

    /// Carries out a step that does not leave the run, without the lock if it may take long.
    fn follow<'a>(&'a self, step: Step, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        match step {
            Step::Set(register, value) => {
                state.cpus[self.number].registers.insert(register, value);
                state
            }
            Step::Do(something) => {
                drop(state);
                something();
                self.host().lock()
            }
            Step::Exit(_) | Step::UntilKicked => unreachable!("handled where a run can end"),
        }
    }

    /// Until something changes. A test in which nothing ever does is told so.
    fn wait<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let waited = self.host().0.changed.wait_timeout(state, PATIENCE);
        let (state, result) = waited.unwrap_or_else(PoisonError::into_inner);
        let index = self.index;
        assert!(
            !result.timed_out(),
            "vCPU {index} has nothing to do and nobody kicks it"
        );
        state
    }
}

impl Drop for FakeVcpu {
    fn drop(&mut self) {
        self.host().lock().cpus[self.number].gone = true;
    }
}

impl VcpuOps for FakeVcpu {
    type Kicker = FakeKicker;

    fn init(&mut self, features: VcpuFeatures) -> Result<()> {
        let mut state = self.ask(Operation::Init(features))?;
        let first = state.cpus[self.number].features.is_none();
        let State {
            cpus,
            registers,
            registers_of,
            set_anew,
            ..
        } = &mut *state;
        let cpu = &mut cpus[self.number];
        cpu.reset(features);
        let plain = registers
            .iter()
            .map(|(register, value)| (*register, *value));
        let more = registers_of
            .iter()
            .filter(|(needs, _, _)| features.contains(*needs));
        let more = more.map(|(_, register, value)| (*register, *value));
        // Whatever a new vCPU has, it has already.
        let more = more.filter(|(register, _)| first || set_anew.contains(register));
        let plain = plain.filter(|(register, _)| set_anew.contains(register));
        cpu.registers.extend(plain.chain(more));
        Ok(())
    }

    fn register(&self, register: RegisterId) -> Result<u64> {
        let operation = Operation::Register(register);
        let state = self.ask_initialised(operation)?;
        self.existing(&state, register, operation)?;
        Ok(state.cpus[self.number].register(register))
    }

    fn set_register(&mut self, register: RegisterId, value: u64) -> Result<()> {
        let operation = Operation::SetRegister(register, value);
        let mut state = self.ask_initialised(operation)?;
        self.existing(&state, register, operation)?;
        let State { rules, cpus, .. } = &mut *state;
        let registers = &mut cpus[self.number].registers;
        let kept = match rules.get(&register) {
            Some(rule) => rule.judge(&Write::new(register, value, registers)),
            None => Ok(value),
        };
        registers.insert(
            register,
            kept.map_err(|errno| self.error(operation, errno))?,
        );
        Ok(())
    }

    fn register_list(&self) -> Result<Vec<RegisterId>> {
        let operation = Operation::RegisterList;
        let state = self.ask_initialised(operation)?;
        let cpu = &state.cpus[self.number];
        let sve = cpu
            .features
            .is_some_and(|has| has.contains(VcpuFeatures::SVE));
        match sve && !cpu.finalized {
            true => Err(self.error(operation, Errno::EPERM)),
            false => Ok(cpu.registers.keys().copied().collect()),
        }
    }

    fn register_bytes(&self, register: RegisterId) -> Result<Vec<u8>> {
        let mut bytes = self.register(register)?.to_le_bytes().to_vec();
        bytes.resize(register.size(), 0);
        Ok(bytes)
    }

    fn set_register_bytes(&mut self, register: RegisterId, bytes: &[u8]) -> Result<()> {
        let operation = Operation::SetRegisterBytes(register);
        let mut state = self.ask_initialised(operation)?;
        self.existing(&state, register, operation)?;
        let mut value = [0; 8];
        for (byte, written) in value.iter_mut().zip(bytes) {
            *byte = *written;
        }
        let registers = &mut state.cpus[self.number].registers;
        registers.insert(register, u64::from_le_bytes(value));
        Ok(())
    }

    fn finalize_sve(&mut self) -> Result<()> {
        let operation = Operation::FinalizeSve;
        let mut state = self.ask_initialised(operation)?;
        let cpu = &mut state.cpus[self.number];
        let sve = cpu
            .features
            .is_some_and(|has| has.contains(VcpuFeatures::SVE));
        let errno = match (sve, cpu.finalized) {
            (false, _) => Errno::EINVAL,
            (true, true) => Errno::EPERM,
            (true, false) => {
                cpu.finalized = true;
                return Ok(());
            }
        };
        Err(self.error(operation, errno))
    }

    fn mp_state(&self) -> Result<MpState> {
        Ok(self.ask(Operation::MpState)?.cpus[self.number].mp_state)
    }

    fn set_mp_state(&mut self, state: MpState) -> Result<()> {
        self.ask(Operation::SetMpState(state))?.cpus[self.number].mp_state = state;
        Ok(())
    }

    fn supports_stolen_time(&self) -> bool {
        let asked = self.ask_initialised(Operation::ProbeStolenTime);
        asked.is_ok_and(|state| state.stolen_time == Presence::Present)
    }

    fn set_stolen_time(&mut self, base: GuestAddress) -> Result<()> {
        let operation = Operation::SetStolenTime(base);
        let mut state = self.ask_initialised(operation)?;
        let refused = match (state.stolen_time, state.cpus[self.number].stolen_time) {
            (Presence::Absent, _) => Errno::ENXIO,
            (Presence::Present, Presence::Present) => Errno::EEXIST,
            (Presence::Present, Presence::Absent) if base.0.is_multiple_of(64) => {
                state.cpus[self.number].stolen_time = Presence::Present;
                return Ok(());
            }
            (Presence::Present, Presence::Absent) => Errno::EINVAL,
        };
        Err(Error {
            vcpu: Some(self.index),
            operation,
            errno: refused,
        })
    }

    fn set_pmu_interrupt(&mut self, intid: u32) -> Result<()> {
        let operation = Operation::SetPmuInterrupt(intid);
        self.ask_initialised(operation).map(drop)
    }

    fn initialise_pmu(&mut self) -> Result<()> {
        self.ask_initialised(Operation::InitialisePmu).map(drop)
    }

    fn clean_and_invalidate(&self, memory: &VolatileSlice<'_>) {
        let size = memory.len();
        drop(
            self.host()
                .note(self.index, Operation::CleanAndInvalidate { size }),
        );
    }

    fn run(&mut self) -> Result<Exit> {
        let mut state = self.ask_initialised(Operation::Run)?;
        loop {
            let cpu = &state.cpus[self.number];
            let (kicked, stopped) = (cpu.kicked, cpu.mp_state == MpState::Stopped);
            let script = state.scripts.entry(self.index).or_default();
            if kicked {
                script.pop_front_if(|step| matches!(step, Step::UntilKicked));
                return Ok(Exit::Kicked);
            }
            let next = script.pop_front_if(|step| !stopped && !matches!(step, Step::UntilKicked));
            state = match next {
                None => self.wait(state),
                Some(Step::Exit(exit)) => {
                    state.before_exit(exit);
                    return Ok(exit);
                }
                Some(step) => self.follow(step, state),
            };
        }
    }

    fn complete_read(&mut self, value: u64) {
        drop(self.host().note(self.index, Operation::CompleteRead(value)));
    }

    fn kicker(&self) -> FakeKicker {
        FakeKicker {
            host: self.host().clone(),
            index: self.index,
            number: self.number,
        }
    }

    fn clear_kick(&mut self) {
        self.host().note(self.index, Operation::ClearKick).cpus[self.number].kicked = false;
    }

    fn inject_external_abort(&mut self) -> Result<()> {
        self.ask_initialised(Operation::InjectExternalAbort)
            .map(drop)
    }
}

/// Kicks a [`FakeVcpu`].
#[derive(Debug, Clone)]
pub(crate) struct FakeKicker {
    host: FakeHost,
    index: u32,
    number: usize,
}

impl Kick for FakeKicker {
    fn kick(&self) {
        let mut state = self.host.note(self.index, Operation::Kick);
        let cpu = &mut state.cpus[self.number];
        cpu.kicked = !cpu.gone;
        self.host.0.changed.notify_all();
    }
}

/// How long a vCPU waits for something to happen before its test has failed.
const PATIENCE: Duration = Duration::from_secs(20);
