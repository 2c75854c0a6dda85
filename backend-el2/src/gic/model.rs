//! A vCPU's interrupts in random order, held against the simplest controller there is.
//!
//! The reference knows for each interrupt whether it is pending and active, and nothing of list
//! registers. Between the two stands what the hardware does: four list registers, priorities that
//! nest, a count of what ended elsewhere, and a timer whose interrupt is deactivated with the guest's.

use super::*;

struct World {
    gic: Gic,
    registers: ListRegisters,
    listed: Listed,
    ended: u32,
    /// What the guest has taken and not ended, the last one last.
    taken: Vec<u32, 32>,
    /// The timer's line, and whether its real interrupt is active.
    line: bool,
    real: bool,
    /// The reference.
    pending: u32,
    active: u32,
}

impl World {
    /// SGIs 0 to 7 and the virtual timer, each of a priority of its own, and the lower number the more
    /// urgent.
    fn new() -> Self {
        let mut gic = Gic::new(1);
        gic.write(Place::Distributor(0), 4, 2);
        let enabled = u64::from(SGIS | TIMER);
        gic.write(register(0x080), 4, u64::MAX);
        gic.write(register(0x100), 4, enabled);
        for number in 0..32 {
            gic.write(register(0x400 + number), 1, number * 8);
        }
        Self {
            gic,
            registers: [0; 4].into_iter().collect(),
            listed: Listed::All,
            ended: 0,
            taken: Vec::new(),
            line: false,
            real: false,
            pending: 0,
            active: 0,
        }
    }

    /// A visit at EL2, as for an interrupt, an access or a kick.
    fn visit(&mut self, change: impl FnOnce(&mut Gic)) {
        if self.line && !self.real {
            self.real = true;
            assert_eq!(self.gic.hold(0, 27), Some(0));
            self.pending |= TIMER;
        }
        self.gic.collect(0, &mut self.registers, self.ended);
        self.ended = 0;
        self.release();
        change(&mut self.gic);
        self.release();
        let state = [0x200, 0x300].map(|offset| self.gic.read(register(offset), 4));
        assert_eq!(state, [self.pending, self.active].map(u64::from));
        self.listed = self.gic.list(0, &mut self.registers);
    }

    fn release(&mut self) {
        let line = self.line;
        for interrupt in self.gic.release(0, |_| line) {
            assert_eq!(interrupt, 27);
            assert!(self.real && !line);
            self.real = false;
            self.pending &= !TIMER;
        }
    }

    /// The maintenance interrupt, and the timer's.
    fn run(&mut self) {
        let waits = self.registers.iter().any(|lr| lr & LR_PENDING != 0);
        let maintenance = match self.listed {
            Listed::All => false,
            Listed::SomeActive => self.ended != 0,
            Listed::SomePending => self.ended != 0 || !waits,
        };
        if maintenance || (self.line && !self.real) {
            self.visit(|_| {});
        }
    }

    fn send(&mut self, sgi: u32) {
        self.pending |= 1 << sgi;
        self.visit(|gic| {
            assert_eq!(gic.send(0, u64::from(sgi) << 24 | 1, Groups::Both), 1);
        });
    }

    fn withdraw(&mut self, sgi: u32) {
        self.pending &= !(1 << sgi);
        self.visit(|gic| gic.write(register(0x280), 4, 1 << sgi));
    }

    fn set_line(&mut self, line: bool) {
        self.line = line;
        self.visit(|_| {});
    }

    /// ICC_IAR1_EL1.
    fn take(&mut self) {
        let running = self.taken.last().copied().unwrap_or(32);
        let waits = self.registers.iter_mut();
        let next = waits
            .filter(|lr| **lr & LR_PENDING != 0 && **lr & LR_ACTIVE == 0)
            .min_by_key(|lr| **lr & 0xff)
            .filter(|lr| **lr & 0xff < u64::from(running));
        let expected = (self.pending & !self.active).trailing_zeros();
        let expected = (expected < running).then_some(expected);
        let found = next.map(|lr| {
            *lr = *lr & !LR_PENDING | LR_ACTIVE;
            u32::from(lr.to_le_bytes()[0])
        });
        assert_eq!(found, expected);
        if let Some(interrupt) = found {
            self.pending &= !(1 << interrupt);
            self.active |= 1 << interrupt;
            self.taken.push(interrupt).unwrap();
        }
    }

    /// ICC_EOIR1_EL1.
    fn end(&mut self) {
        let Some(interrupt) = self.taken.pop() else {
            return;
        };
        self.active &= !(1 << interrupt);
        let mut registers = self.registers.iter_mut();
        match registers.find(|lr| **lr & LR_ACTIVE != 0 && **lr & 0xff == interrupt.into()) {
            None => self.ended += 1,
            Some(lr) => {
                *lr &= !LR_ACTIVE;
                self.real &= *lr & LR_HARDWARE == 0;
            }
        }
        // Its end is not the end of what signals.
        if interrupt == 27 && self.real && self.line {
            self.pending |= TIMER;
        }
    }
}

fn register(offset: u64) -> Place {
    Place::Redistributor(0, 0x1_0000 + offset)
}

#[test]
fn a_guest_sees_what_the_simplest_controller_would_show() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut world = World::new();
    for _ in 0..50_000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let [choice, sgi, ..] = state.to_le_bytes();
        let sgi = u32::from(sgi % 8);
        match choice % 16 {
            0..4 => world.send(sgi),
            4 => world.withdraw(sgi),
            5 => world.set_line(true),
            6 => world.set_line(false),
            7..11 => world.take(),
            11..15 => world.end(),
            _ => world.visit(|_| {}),
        }
        world.run();
    }
    // In the end nothing is left, and nothing real is active that nobody would deactivate.
    world.set_line(false);
    while world.active | world.pending != 0 {
        world.end();
        world.run();
        world.take();
        world.run();
    }
    world.visit(|_| {});
    assert!(!world.real);
    assert_eq!(world.registers[0], 0);
}

const SGIS: u32 = 0xff;
const TIMER: u32 = 1 << 27;
