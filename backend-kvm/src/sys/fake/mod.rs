//! A kernel made of scripts, for tests of everything above the seam.
//!
//! A test writes what the guest does on each vCPU as a list of [`Step`]s, lets the code under
//! test use the [`FakeHost`], and reads back every operation in the order it was asked, with its
//! arguments. Any operation can be made to fail. vCPUs may run on threads of their own: a vCPU
//! whose script is over, or that is stopped, sits in its run until it is kicked, as under KVM.
//!
//! Registers hold whatever is written to them, unless a test says what the kernel makes of a write
//! ([`Rule`]) or which registers there are at all.
//!
//! Scripts belong to vCPU indices and go on after the machine is closed and built again;
//! registers and kicks belong to one vCPU of one machine.

mod gic;
mod machine;
mod rule;

pub(crate) use rule::Write;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use self::machine::FakeVm;
use self::rule::Rule;
use super::{
    Capability, CpuIdentification, Errno, Error, Exit, Hardware, Host, InterruptDevice, MpState,
    Operation, RegisterId, Result, SystemEvent, SystemEventKind, SystemRegisters, VcpuFeatures,
    WritableMasks,
};

/// One thing a scripted guest does.
pub(crate) enum Step {
    /// Leaves the run.
    Exit(Exit),
    /// Changes one of its registers.
    Set(RegisterId, u64),
    /// Does anything, on the vCPU's thread: writes guest memory, meets another vCPU.
    Do(Box<dyn FnOnce() + Send>),
    /// Spins until the vCPU is kicked, then goes on with the script in a later run.
    UntilKicked,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(exit) => write!(f, "{exit:?}"),
            Self::Set(register, value) => write!(f, "{register} = {value:#x}"),
            Self::Do(_) => write!(f, "Do"),
            Self::UntilKicked => write!(f, "UntilKicked"),
        }
    }
}

/// One operation that was asked for, and of which vCPU.
pub(crate) type Record = (Option<u32>, Operation);

/// A kernel that follows scripts. Clones are the same kernel.
#[derive(Debug, Clone)]
pub(crate) struct FakeHost(Arc<World>);

impl FakeHost {
    /// A kernel that can do everything, with empty scripts.
    pub(crate) fn new() -> Self {
        let state = State {
            log: Vec::new(),
            failures: Vec::new(),
            capabilities: BTreeMap::new(),
            registers: BTreeMap::from(FIRMWARE_REGISTERS),
            registers_of: Vec::new(),
            unlisted: Presence::Present,
            rules: BTreeMap::new(),
            set_anew: Vec::new(),
            writable_masks: None,
            hardware: hardware(),
            lacking_devices: Vec::new(),
            smccc_filter: Presence::Present,
            stolen_time: Presence::Present,
            scripts: BTreeMap::new(),
            cpus: Vec::new(),
        };
        Self(Arc::new(World {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }))
    }

    /// Appends to what the guest does on vCPU `index`.
    pub(crate) fn script(&self, index: u32, steps: impl IntoIterator<Item = Step>) {
        self.lock().scripts.entry(index).or_default().extend(steps);
        self.0.changed.notify_all();
    }

    /// Takes a capability away.
    pub(crate) fn without(self, capability: Capability) -> Self {
        self.with_capability(capability, 0)
    }

    /// Says how much of a capability there is.
    pub(crate) fn with_capability(self, capability: Capability, quantity: u32) -> Self {
        self.lock().capabilities.insert(capability, quantity);
        self
    }

    /// Says what a register of every vCPU still to be created holds.
    pub(crate) fn with_register(self, register: RegisterId, value: u64) -> Self {
        self.lock().registers.insert(register, value);
        self
    }

    /// Says what a register of every vCPU still to be created holds that has `features`.
    pub(crate) fn with_register_of(
        self,
        features: VcpuFeatures,
        register: RegisterId,
        value: u64,
    ) -> Self {
        self.lock().registers_of.push((features, register, value));
        self
    }

    /// Takes a register away that a vCPU has usually.
    pub(crate) fn without_register(self, register: RegisterId) -> Self {
        self.lock().registers.remove(&register);
        self
    }

    /// Leaves vCPUs no registers but those that were named here, and PC and its like.
    pub(crate) fn without_other_registers(self) -> Self {
        self.lock().unlisted = Presence::Absent;
        self
    }

    /// Says what the kernel makes of a write to a register: the value that the register has then,
    /// or why it is refused.
    pub(crate) fn with_rule(
        self,
        register: RegisterId,
        rule: impl Fn(&Write<'_>) -> std::result::Result<u64, Errno> + Send + 'static,
    ) -> Self {
        self.lock().rules.insert(register, Rule::new(rule));
        self
    }

    /// Gives a register its first value again whenever a vCPU is reset.
    pub(crate) fn with_anew(self, register: RegisterId) -> Self {
        self.lock().set_anew.push(register);
        self
    }

    /// Says what the kernel tells of what can be written; nothing otherwise, as before Linux 6.7.
    pub(crate) fn with_writable_masks(self, masks: WritableMasks) -> Self {
        self.lock().writable_masks = Some(masks);
        self
    }

    /// Says what the machine below is.
    pub(crate) fn with_hardware(self, hardware: Hardware) -> Self {
        self.lock().hardware = hardware;
        self
    }

    /// Takes an interrupt controller away, or a part of one.
    pub(crate) fn without_device(self, device: InterruptDevice) -> Self {
        self.lock().lacking_devices.push(device);
        self
    }

    /// Takes the SMCCC filter away, as before Linux 6.4.
    pub(crate) fn without_smccc_filter(self) -> Self {
        self.lock().smccc_filter = Presence::Absent;
        self
    }

    /// Takes stolen time away, as a kernel without statistics of its scheduler.
    pub(crate) fn without_stolen_time(self) -> Self {
        self.lock().stolen_time = Presence::Absent;
        self
    }

    /// Makes the operation at position `nth` of the log, counted from 0, fail.
    pub(crate) fn fail_nth(&self, nth: usize, errno: Errno) {
        self.lock().failures.push((Failing::Nth(nth), errno));
    }

    /// Makes every operation equal to `operation` fail, whichever vCPU it is asked of.
    pub(crate) fn fail(&self, operation: Operation, errno: Errno) {
        self.lock().failures.push((Failing::Each(operation), errno));
    }

    /// Everything asked so far, in order. What failed is in it too.
    pub(crate) fn log(&self) -> Vec<Record> {
        self.lock().log.clone()
    }

    /// What was asked of vCPU `index` so far, in order.
    pub(crate) fn log_of(&self, index: u32) -> Vec<Operation> {
        let log = self.log();
        log.into_iter()
            .filter(|(vcpu, _)| *vcpu == Some(index))
            .map(|(_, what)| what)
            .collect()
    }

    /// A register of the newest vCPU `index`, as the guest would see it; 0 if nobody wrote it.
    pub(crate) fn register(&self, index: u32, register: RegisterId) -> u64 {
        self.lock().newest(index).register(register)
    }

    /// The MP_STATE of the newest vCPU `index`.
    pub(crate) fn mp_state(&self, index: u32) -> MpState {
        self.lock().newest(index).mp_state
    }

    /// Does what the kernel's CPU_ON does: a stopped vCPU begins with its script.
    pub(crate) fn power_on(&self, index: u32) {
        self.lock().newest(index).mp_state = MpState::Runnable;
        self.0.changed.notify_all();
    }

    /// Does what the kernel's CPU_OFF does: the vCPU's script rests.
    pub(crate) fn power_off(&self, index: u32) {
        self.lock().newest(index).mp_state = MpState::Stopped;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an operation and fails it if it is to fail.
    fn ask(&self, vcpu: Option<u32>, operation: Operation) -> Result<MutexGuard<'_, State>> {
        let mut state = self.lock();
        let nth = state.log.len();
        state.log.push((vcpu, operation));
        let failure = state.failures.iter().find(|(failing, _)| match failing {
            Failing::Nth(n) => *n == nth,
            Failing::Each(each) => *each == operation,
        });
        match failure {
            Some((_, errno)) => Err(Error {
                vcpu,
                operation,
                errno: *errno,
            }),
            None => Ok(state),
        }
    }

    /// Notes an operation that cannot fail.
    fn note(&self, vcpu: u32, operation: Operation) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        state.log.push((Some(vcpu), operation));
        state
    }
}

#[derive(Debug)]
struct World {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    log: Vec<Record>,
    failures: Vec<(Failing, Errno)>,
    /// Other than as usual.
    capabilities: BTreeMap<Capability, u32>,
    /// What a new vCPU's registers hold.
    registers: BTreeMap<RegisterId, u64>,
    /// What more they hold in a vCPU with these features.
    registers_of: Vec<(VcpuFeatures, RegisterId, u64)>,
    /// Whether registers that nobody named exist, and hold 0.
    unlisted: Presence,
    rules: BTreeMap<RegisterId, Rule>,
    /// What a reset gives its first value again.
    set_anew: Vec<RegisterId>,
    writable_masks: Option<WritableMasks>,
    hardware: Hardware,
    lacking_devices: Vec<InterruptDevice>,
    smccc_filter: Presence,
    stolen_time: Presence,
    scripts: BTreeMap<u32, VecDeque<Step>>,
    /// Every vCPU ever made, in order.
    cpus: Vec<Cpu>,
}

impl State {
    fn newest(&mut self, index: u32) -> &mut Cpu {
        let cpu = self.cpus.iter_mut().rev().find(|cpu| cpu.index == index);
        cpu.unwrap_or_else(|| panic!("vCPU {index} was never created"))
    }

    /// KVM stops every vCPU of a VM before it tells of these two.
    fn before_exit(&mut self, exit: Exit) {
        let Exit::SystemEvent(SystemEvent { kind, .. }) = exit else {
            return;
        };
        if matches!(kind, SystemEventKind::Shutdown | SystemEventKind::Reset) {
            for cpu in &mut self.cpus {
                cpu.mp_state = MpState::Stopped;
            }
        }
    }
}

#[derive(Debug)]
enum Failing {
    Nth(usize),
    Each(Operation),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Present,
    Absent,
}

#[derive(Debug)]
struct Cpu {
    index: u32,
    features: Option<VcpuFeatures>,
    mp_state: MpState,
    kicked: bool,
    gone: bool,
    stolen_time: Presence,
    finalized: bool,
    registers: BTreeMap<RegisterId, u64>,
}

impl Cpu {
    fn new(index: u32, mut registers: BTreeMap<RegisterId, u64>) -> Self {
        let affinity = index & 0xf | (index >> 4 & 0xff) << 8 | (index >> 12 & 0xff) << 16;
        let mpidr = u64::from(1 << 31 | affinity);
        registers.entry(RegisterId::MPIDR_EL1).or_insert(mpidr);
        Self {
            index,
            features: None,
            mp_state: MpState::Runnable,
            kicked: false,
            gone: false,
            stolen_time: Presence::Absent,
            finalized: false,
            registers,
        }
    }

    fn register(&self, register: RegisterId) -> u64 {
        self.registers.get(&register).copied().unwrap_or(0)
    }

    /// What KVM_ARM_VCPU_INIT does to the registers that have a name here.
    fn reset(&mut self, features: VcpuFeatures) {
        self.features = Some(features);
        self.mp_state = match features.contains(VcpuFeatures::POWER_OFF) {
            true => MpState::Stopped,
            false => MpState::Runnable,
        };
        for register in RegisterId::X {
            self.registers.insert(register, 0);
        }
        self.registers.insert(RegisterId::SP_EL0, 0);
        self.registers.insert(RegisterId::PC, 0);
        self.registers.insert(RegisterId::PSTATE, 0x3c5);
        self.registers.insert(RegisterId::SCTLR_EL1, 0x00c5_0078);
        for timer in [RegisterId::CNTV_CTL_EL0, RegisterId::CNTP_CTL_EL0] {
            self.registers.insert(timer, 0);
        }
    }
}

impl Host for FakeHost {
    type Vm = FakeVm;

    fn capability(&self, capability: Capability) -> Result<u32> {
        let state = self.ask(None, Operation::Capability(capability))?;
        Ok(quantity(&state, capability))
    }

    fn hardware(&self) -> Hardware {
        self.lock().hardware.clone()
    }

    fn create_vm(&self, ipa_bits: u32) -> Result<FakeVm> {
        let operation = Operation::CreateVm { ipa_bits };
        let state = self.ask(None, operation)?;
        let possible = 32..=quantity(&state, Capability::VmIpaSize);
        match ipa_bits == 0 || possible.contains(&ipa_bits) {
            true => Ok(FakeVm::new(self)),
            false => Err(Error {
                vcpu: None,
                operation,
                errno: Errno::EINVAL,
            }),
        }
    }
}

/// As a 6.12 host with every feature reports them.
fn quantity(state: &State, capability: Capability) -> u32 {
    let usual = match capability {
        Capability::MaxVcpus => 512,
        Capability::VmIpaSize => 48,
        _ => 1,
    };
    state
        .capabilities
        .get(&capability)
        .copied()
        .unwrap_or(usual)
}

/// Two Cortex-A76 under Linux 6.12.
fn hardware() -> Hardware {
    Hardware {
        kernel: "6.12.107".to_owned(),
        cpus: [0, 1]
            .map(|number| CpuIdentification {
                number,
                midr: Some(0x414f_d0b1),
                revidr: Some(0),
            })
            .into(),
        registers: SystemRegisters {
            ctr_el0: 0x9444_c004,
            dczid_el0: 4,
            cntfrq_el0: 62_500_000,
        },
    }
}

/// As a 6.12 host has them: PSCI 1.1, every workaround unnecessary, every optional service on.
const FIRMWARE_REGISTERS: [(RegisterId, u64); 7] = [
    (RegisterId::PSCI_VERSION, 0x1_0001),
    (RegisterId::WORKAROUND_1, 2),
    (RegisterId::WORKAROUND_2, 3),
    (RegisterId::WORKAROUND_3, 2),
    (RegisterId::STD_BITMAP, 1),
    (RegisterId::STD_HYP_BITMAP, 1),
    (RegisterId::VENDOR_HYP_BITMAP, 3),
];

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use vm_memory::{GuestAddress, GuestMemoryBackend, GuestMemoryMmap};

    use super::super::{Conduit, FilterAction, GicOps, Kick, Level, VcpuOps, VmOps};
    use super::machine::FakeVcpu;
    use super::*;

    const CPU_ON: Exit = Exit::Hypercall {
        function: 0xc400_0003,
        conduit: Conduit::Hvc,
    };
    const RESET: Exit = Exit::SystemEvent(SystemEvent {
        kind: SystemEventKind::Reset,
        flags: 0,
    });

    fn vcpu(host: &FakeHost, index: u32) -> FakeVcpu {
        let mut vcpu = host.create_vm(40).unwrap().create_vcpu(index).unwrap();
        vcpu.init(VcpuFeatures::PSCI_0_2).unwrap();
        vcpu
    }

    #[test]
    fn operations_are_logged_in_order_with_their_arguments() {
        let host = FakeHost::new();
        let memory = GuestMemoryMmap::from_ranges(&[(GuestAddress(0x4000_0000), 0x1000)]).unwrap();
        let vm = host.create_vm(40).unwrap();
        vm.enable(Capability::NisvToUser).unwrap();
        for region in memory.iter() {
            vm.map_ram(0, region).unwrap();
        }
        let vcpu = vm.create_vcpu(0).unwrap();
        let gic = vm.create_gic_v3().unwrap();
        gic.set_distributor(GuestAddress(0x0800_0000)).unwrap();
        gic.set_redistributors(GuestAddress(0x080a_0000)).unwrap();
        gic.add_redistributor_region(0, GuestAddress(0x40_0000_0000), 4)
            .unwrap();
        gic.set_interrupt_count(96).unwrap();
        gic.initialise().unwrap();
        vm.set_irq_line(33, Level::High).unwrap();
        drop((vm, gic, vcpu));
        let base = GuestAddress(0x40_0000_0000);
        let expected = [
            (None, Operation::CreateVm { ipa_bits: 40 }),
            (None, Operation::Enable(Capability::NisvToUser)),
            (
                None,
                Operation::MapRam {
                    slot: 0,
                    start: GuestAddress(0x4000_0000),
                    size: 0x1000,
                },
            ),
            (Some(0), Operation::CreateVcpu { index: 0 }),
            (None, Operation::CreateGicV3),
            (None, Operation::SetDistributor(GuestAddress(0x0800_0000))),
            (
                None,
                Operation::SetRedistributors(GuestAddress(0x080a_0000)),
            ),
            (
                None,
                Operation::AddRedistributorRegion {
                    index: 0,
                    base,
                    count: 4,
                },
            ),
            (None, Operation::SetInterruptCount(96)),
            (None, Operation::InitialiseGic),
            (
                None,
                Operation::SetIrqLine {
                    intid: 33,
                    level: Level::High,
                },
            ),
            (None, Operation::CloseVm),
        ];
        assert_eq!(host.log(), expected);
    }

    #[test]
    fn a_vm_closes_when_its_last_handle_goes() {
        let host = FakeHost::new();
        let vcpu = vcpu(&host, 0);
        assert!(!host.log().contains(&(None, Operation::CloseVm)));
        drop(vcpu);
        assert_eq!(host.log().last(), Some(&(None, Operation::CloseVm)));
    }

    #[test]
    fn the_guest_follows_its_script() {
        let host = FakeHost::new();
        host.script(
            0,
            [
                Step::Set(RegisterId::X[1], 7),
                Step::Exit(CPU_ON),
                Step::Exit(RESET),
            ],
        );
        let mut vcpu = vcpu(&host, 0);
        assert_eq!(vcpu.run(), Ok(CPU_ON));
        assert_eq!(vcpu.register(RegisterId::X[1]), Ok(7));
        vcpu.set_register(RegisterId::X[0], 1).unwrap();
        vcpu.complete_read(5);
        assert_eq!(vcpu.run(), Ok(RESET));
        assert_eq!(host.register(0, RegisterId::X[0]), 1);
        let expected = [
            Operation::CreateVcpu { index: 0 },
            Operation::Init(VcpuFeatures::PSCI_0_2),
            Operation::Run,
            Operation::Register(RegisterId::X[1]),
            Operation::SetRegister(RegisterId::X[0], 1),
            Operation::CompleteRead(5),
            Operation::Run,
        ];
        assert_eq!(host.log_of(0), expected);
    }

    #[test]
    fn the_nth_operation_can_fail() {
        let host = FakeHost::new();
        host.fail_nth(1, Errno::ENOMEM);
        let vm = host.create_vm(40).unwrap();
        let operation = Operation::CreateVcpu { index: 3 };
        let error = Error {
            vcpu: Some(3),
            operation,
            errno: Errno::ENOMEM,
        };
        assert_eq!(vm.create_vcpu(3).unwrap_err(), error);
        assert!(vm.create_vcpu(3).is_ok());
    }

    #[test]
    fn an_operation_can_fail_by_name() {
        let host = FakeHost::new();
        host.fail(Operation::InjectExternalAbort, Errno::EINVAL);
        let mut vcpu = vcpu(&host, 0);
        assert_eq!(
            vcpu.inject_external_abort().unwrap_err().errno,
            Errno::EINVAL
        );
    }

    #[test]
    fn capabilities_can_be_absent() {
        let host = FakeHost::new()
            .without(Capability::SystemSuspend)
            .without_smccc_filter();
        let vm = host.create_vm(40).unwrap();
        assert_eq!(host.capability(Capability::SystemSuspend), Ok(0));
        assert_eq!(vm.capability(Capability::NisvToUser), Ok(1));
        assert_eq!(
            vm.enable(Capability::SystemSuspend).unwrap_err().errno,
            Errno::EINVAL
        );
        assert!(!vm.supports_smccc_filter());
        let refused = vm
            .filter_smccc(0x8400_0000, 0x20, FilterAction::Forward)
            .unwrap_err();
        assert_eq!(refused.errno, Errno::EINVAL);
    }

    #[test]
    fn too_many_vcpus_are_refused() {
        let vm = FakeHost::new().create_vm(40).unwrap();
        assert_eq!(vm.create_vcpu(512).unwrap_err().errno, Errno::EINVAL);
    }

    #[test]
    fn a_vcpu_without_init_cannot_run() {
        let mut vcpu = FakeHost::new()
            .create_vm(40)
            .unwrap()
            .create_vcpu(0)
            .unwrap();
        assert_eq!(vcpu.run().unwrap_err().errno, Errno::ENOEXEC);
        assert_eq!(
            vcpu.register(RegisterId::PC).unwrap_err().errno,
            Errno::ENOEXEC
        );
        assert_eq!(vcpu.mp_state(), Ok(MpState::Runnable));
    }

    #[test]
    fn init_resets_the_registers_and_keeps_the_identity() {
        let host = FakeHost::new();
        let mut vcpu = vcpu(&host, 17);
        vcpu.set_register(RegisterId::PC, 0x4008_0000).unwrap();
        vcpu.init(VcpuFeatures::PSCI_0_2).unwrap();
        assert_eq!(vcpu.register(RegisterId::PC), Ok(0));
        assert_eq!(vcpu.register(RegisterId::PSTATE), Ok(0x3c5));
        assert_eq!(vcpu.register(RegisterId::MPIDR_EL1), Ok(0x8000_0101));
    }

    #[test]
    fn a_kick_ends_the_next_run_until_it_is_cleared() {
        let host = FakeHost::new();
        host.script(0, [Step::Exit(CPU_ON)]);
        let mut vcpu = vcpu(&host, 0);
        vcpu.kicker().kick();
        assert_eq!(vcpu.run(), Ok(Exit::Kicked));
        assert_eq!(vcpu.run(), Ok(Exit::Kicked));
        vcpu.clear_kick();
        assert_eq!(vcpu.run(), Ok(CPU_ON));
    }

    #[test]
    fn a_spinning_guest_goes_on_after_a_kick() {
        let host = FakeHost::new();
        host.script(0, [Step::UntilKicked, Step::Exit(CPU_ON)]);
        let mut vcpu = vcpu(&host, 0);
        let kicker = vcpu.kicker();
        let kicks = thread::spawn(move || kicker.kick());
        assert_eq!(vcpu.run(), Ok(Exit::Kicked));
        kicks.join().unwrap();
        vcpu.clear_kick();
        assert_eq!(vcpu.run(), Ok(CPU_ON));
    }

    #[test]
    fn a_stopped_vcpu_waits_in_its_run_to_be_powered_on() {
        let host = FakeHost::new();
        host.script(1, [Step::Exit(CPU_ON)]);
        let vm = host.create_vm(40).unwrap();
        let mut vcpu = vm.create_vcpu(1).unwrap();
        vcpu.init(VcpuFeatures::POWER_OFF | VcpuFeatures::PSCI_0_2)
            .unwrap();
        assert_eq!(host.mp_state(1), MpState::Stopped);
        let waiting = thread::spawn(move || vcpu.run());
        host.power_on(1);
        assert_eq!(waiting.join().unwrap(), Ok(CPU_ON));
    }

    #[test]
    fn a_reset_by_the_kernel_stops_every_vcpu() {
        let host = FakeHost::new();
        host.script(0, [Step::Exit(RESET)]);
        let (mut first, mut second) = (vcpu(&host, 0), vcpu(&host, 1));
        first.run().unwrap();
        assert_eq!(first.mp_state(), Ok(MpState::Stopped));
        assert_eq!(second.mp_state(), Ok(MpState::Stopped));
        second.set_mp_state(MpState::Runnable).unwrap();
        assert_eq!(host.mp_state(1), MpState::Runnable);
    }

    #[test]
    fn two_vcpus_can_meet() {
        let host = FakeHost::new();
        let barrier = Arc::new(Barrier::new(2));
        let threads = [0, 1].map(|index| {
            let barrier = Arc::clone(&barrier);
            let meet = Step::Do(Box::new(move || {
                barrier.wait();
            }));
            assert_eq!(format!("{meet:?}"), "Do");
            host.script(index, [meet, Step::Exit(CPU_ON)]);
            let mut vcpu = vcpu(&host, index);
            thread::spawn(move || vcpu.run())
        });
        for thread in threads {
            assert_eq!(thread.join().unwrap(), Ok(CPU_ON));
        }
    }

    #[test]
    fn a_kicker_of_an_old_machine_leaves_the_new_one_alone() {
        let host = FakeHost::new();
        host.script(0, [Step::Exit(CPU_ON)]);
        let old = vcpu(&host, 0);
        let kicker = old.kicker();
        drop(old);
        let mut new = vcpu(&host, 0);
        kicker.kick();
        assert_eq!(new.run(), Ok(CPU_ON));
    }

    #[test]
    fn a_rule_decides_what_becomes_of_a_write() {
        let host = FakeHost::new()
            .with_register(RegisterId::CTR_EL0, 4)
            .with_rule(RegisterId::CTR_EL0, |write| match write.value {
                0..=4 => Ok(write.value),
                5 => Ok(write.before),
                _ => Err(Errno::EINVAL),
            });
        let mut vcpu = vcpu(&host, 0);
        for (value, holds) in [(3, 3), (5, 3), (4, 4)] {
            vcpu.set_register(RegisterId::CTR_EL0, value).unwrap();
            assert_eq!(vcpu.register(RegisterId::CTR_EL0), Ok(holds));
        }
        let refused = vcpu.set_register(RegisterId::CTR_EL0, 6).unwrap_err();
        assert_eq!(refused.errno, Errno::EINVAL);
        assert_eq!(vcpu.register(RegisterId::CTR_EL0), Ok(4));
    }

    #[test]
    fn only_what_was_named_exists_where_that_is_wanted() {
        let host = FakeHost::new().without_other_registers();
        let mut vcpu = vcpu(&host, 0);
        let missing = vcpu.register(RegisterId::CTR_EL0).unwrap_err();
        assert_eq!(missing.errno, Errno::ENOENT);
        let missing = vcpu.set_register(RegisterId::CTR_EL0, 0).unwrap_err();
        assert_eq!(missing.errno, Errno::ENOENT);
        let listed = vcpu.register_list().unwrap();
        assert!(listed.contains(&RegisterId::PSCI_VERSION));
        assert!(!listed.contains(&RegisterId::CTR_EL0));
    }

    #[test]
    fn a_register_may_come_with_a_feature() {
        let host = FakeHost::new().without_other_registers().with_register_of(
            VcpuFeatures::SVE,
            RegisterId::SVE_VLS,
            0x0103,
        );
        let vm = host.create_vm(40).unwrap();
        let mut vcpu = vm.create_vcpu(0).unwrap();
        vcpu.init(VcpuFeatures::PSCI_0_2 | VcpuFeatures::SVE)
            .unwrap();
        assert_eq!(vcpu.register_list().unwrap_err().errno, Errno::EPERM);
        let mut lengths = vcpu.register_bytes(RegisterId::SVE_VLS).unwrap();
        assert_eq!((lengths.len(), &lengths[..2]), (64, &[3, 1][..]));
        lengths[1] = 0;
        vcpu.set_register_bytes(RegisterId::SVE_VLS, &lengths)
            .unwrap();
        vcpu.finalize_sve().unwrap();
        assert_eq!(vcpu.finalize_sve().unwrap_err().errno, Errno::EPERM);
        assert_eq!(vcpu.register(RegisterId::SVE_VLS), Ok(3));
        assert!(vcpu.register_list().unwrap().contains(&RegisterId::SVE_VLS));
    }

    #[test]
    fn a_distributor_tells_its_revision_once_it_lives() {
        let vm = FakeHost::new().create_vm(40).unwrap();
        let gic = vm.create_gic_v2().unwrap();
        assert_eq!(gic.distributor_register(8).unwrap_err().errno, Errno::EBUSY);
        gic.initialise().unwrap();
        assert_eq!(gic.distributor_register(8), Ok(0x4b00_343b));
        gic.set_distributor_register(8, 0x4b00_243b).unwrap();
        assert_eq!(gic.distributor_register(8), Ok(0x4b00_243b));
        let refused = gic.set_distributor_register(8, 0x4b00_143b).unwrap_err();
        assert_eq!(refused.errno, Errno::EINVAL);
    }

    #[test]
    fn a_device_that_is_lacking_is_neither_offered_nor_made() {
        let host = FakeHost::new().without_device(InterruptDevice::GicV3);
        let vm = host.create_vm(40).unwrap();
        assert_eq!(vm.supports_device(InterruptDevice::GicV2), Ok(true));
        assert_eq!(vm.supports_device(InterruptDevice::GicV3), Ok(false));
        assert_eq!(vm.create_gic_v3().unwrap_err().errno, Errno::ENODEV);
        assert!(vm.create_gic_v2().is_ok());
    }

    #[test]
    fn an_address_space_is_no_larger_than_the_host_s() {
        let host = FakeHost::new().with_capability(Capability::VmIpaSize, 40);
        assert_eq!(host.create_vm(41).unwrap_err().errno, Errno::EINVAL);
        assert!(host.create_vm(0).is_ok());
    }
}
