//! PL011 UART (DDI 0183, revision r1p4): the machine's console.
//!
//! Time does not pass in it. A byte written is transmitted at once, so the transmitter is always
//! empty and never busy; bytes handed to [`Pl011::receive`] arrive together, and the receive
//! timeout has passed when they have. Three consequences for interrupts:
//!
//! - Transmit is raised by the passing of a byte through the FIFO, not by its being empty
//!   (§2.8.2): after a write to UARTDR, never by enabling the interrupt.
//! - Receive is raised while the FIFO holds as much as its trigger level.
//! - Receive timeout is raised while the FIFO holds less, but something.
//!
//! As on QEMU, bytes pass whatever UARTCR and the baud rate say: many small programs write to
//! UARTDR and nothing else. There is no DMA, no IrDA, and the modem lines are inactive.

use std::collections::VecDeque;

use super::words::WordRegisters;
use super::{MmioDevice, words};
use crate::address::Width;
use crate::sys::Level;

/// A PL011 whose bytes go to `S`.
#[derive(Debug)]
pub struct Pl011<S> {
    sink: S,
    received: VecDeque<u8>,
    /// UARTRSR.OE: a byte was lost and no other has arrived since.
    overrun: bool,
    low_power: u32,
    integer_divisor: u32,
    fractional_divisor: u32,
    line_control: u32,
    control: u32,
    fifo_levels: u32,
    mask: u32,
    raw: u32,
    dma_control: u32,
}

/// Where transmitted bytes go.
pub trait Transmit {
    /// Takes one byte; called while the device is locked.
    fn transmit(&mut self, byte: u8);
}

impl Transmit for Vec<u8> {
    fn transmit(&mut self, byte: u8) {
        self.push(byte);
    }
}

impl<S: Transmit> Pl011<S> {
    /// A PL011 after reset.
    pub fn new(sink: S) -> Self {
        Self {
            sink,
            received: VecDeque::with_capacity(FIFO_DEPTH),
            overrun: false,
            low_power: 0,
            integer_divisor: 0,
            fractional_divisor: 0,
            line_control: 0,
            control: CONTROL_RESET,
            fifo_levels: FIFO_LEVELS_RESET,
            mask: 0,
            raw: 0,
            dma_control: 0,
        }
    }

    /// Where its bytes go.
    pub fn sink(&self) -> &S {
        &self.sink
    }

    /// The same, to change it.
    pub fn sink_mut(&mut self) -> &mut S {
        &mut self.sink
    }

    /// How many bytes [`Pl011::receive`] takes now.
    pub fn room(&self) -> usize {
        self.depth().saturating_sub(self.received.len())
    }

    /// Bytes arrive from outside: as many as there is room for, the number of which is returned.
    /// The rest is offered again when the guest has read some; none is ever lost.
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.room());
        if taken != 0 {
            self.received.extend(&bytes[..taken]);
            self.overrun = false;
            self.settle_receive();
        }
        taken
    }

    fn read_data(&mut self) -> u32 {
        let byte = self.received.pop_front().unwrap_or(0);
        self.settle_receive();
        u32::from(byte) | u32::from(self.overrun) << 11
    }

    fn write_data(&mut self, byte: u8) {
        if self.control & LOOPBACK == 0 {
            self.sink.transmit(byte);
        } else if self.receive(&[byte]) == 0 {
            self.overrun = true;
            self.raw |= OVERRUN;
        }
        self.raw |= TRANSMIT;
    }

    /// Disabling the FIFOs empties them: drivers flush that way. Enabling keeps the one byte.
    fn write_line_control(&mut self, value: u32) {
        if self.line_control & FIFO_ENABLE != 0 && value & FIFO_ENABLE == 0 {
            self.received.clear();
        }
        self.line_control = value;
        self.settle_receive();
    }

    /// Receive and receive timeout follow the FIFO's fill.
    fn settle_receive(&mut self) {
        let (fill, trigger) = (self.received.len(), self.trigger());
        self.raw &= !(RECEIVE | TIMEOUT);
        self.raw |= match fill {
            0 => 0,
            fill if fill >= trigger => RECEIVE,
            _ => TIMEOUT,
        };
    }

    fn depth(&self) -> usize {
        if self.line_control & FIFO_ENABLE == 0 {
            1
        } else {
            FIFO_DEPTH
        }
    }

    /// UARTIFLS.RXIFLSEL in bytes; the reserved values are taken as the highest.
    fn trigger(&self) -> usize {
        if self.line_control & FIFO_ENABLE == 0 {
            return 1;
        }
        match self.fifo_levels >> 3 & 7 {
            0 => 2,
            1 => 4,
            2 => 8,
            3 => 12,
            _ => 14,
        }
    }

    fn flags(&self) -> u32 {
        let empty = if self.received.is_empty() {
            RECEIVE_EMPTY
        } else {
            0
        };
        let full = if self.room() == 0 { RECEIVE_FULL } else { 0 };
        TRANSMIT_EMPTY | empty | full
    }
}

impl<S: Transmit> WordRegisters for Pl011<S> {
    fn read_word(&mut self, offset: u64) -> u32 {
        match offset {
            DR => self.read_data(),
            RSR_ECR => u32::from(self.overrun) << 3,
            FR => self.flags(),
            ILPR => self.low_power,
            IBRD => self.integer_divisor,
            FBRD => self.fractional_divisor,
            LCR_H => self.line_control,
            CR => self.control,
            IFLS => self.fifo_levels,
            IMSC => self.mask,
            RIS => self.raw,
            MIS => self.raw & self.mask,
            DMACR => self.dma_control,
            PERIPH_ID..=LAST => IDENTIFICATION[(offset - PERIPH_ID) as usize / 4],
            _ => 0,
        }
    }

    fn write_word(&mut self, offset: u64, value: u32) {
        match offset {
            DR => self.write_data(value.to_le_bytes()[0]),
            RSR_ECR => self.overrun = false,
            ILPR => self.low_power = value & 0xff,
            IBRD => self.integer_divisor = value & 0xffff,
            FBRD => self.fractional_divisor = value & 0x3f,
            LCR_H => self.write_line_control(value & 0xff),
            CR => self.control = value & CONTROL_BITS,
            IFLS => {
                self.fifo_levels = value & 0x3f;
                self.settle_receive();
            }
            IMSC => self.mask = value & INTERRUPTS,
            ICR => self.raw &= !value,
            DMACR => self.dma_control = value & 7,
            _ => {}
        }
    }
}

impl<S: Transmit> MmioDevice for Pl011<S> {
    fn read(&mut self, offset: u64, width: Width) -> u64 {
        words::read(self, offset, width)
    }

    fn write(&mut self, offset: u64, width: Width, value: u64) {
        words::write(self, offset, width, value);
    }

    fn line(&self) -> Level {
        if self.raw & self.mask == 0 {
            Level::Low
        } else {
            Level::High
        }
    }

    fn reset(&mut self) {
        self.received.clear();
        self.overrun = false;
        self.low_power = 0;
        self.integer_divisor = 0;
        self.fractional_divisor = 0;
        self.line_control = 0;
        self.control = CONTROL_RESET;
        self.fifo_levels = FIFO_LEVELS_RESET;
        self.mask = 0;
        self.raw = 0;
        self.dma_control = 0;
    }
}

// Offsets, named as in table 3-1 without the prefix UART.
const DR: u64 = 0x000;
const RSR_ECR: u64 = 0x004;
const FR: u64 = 0x018;
const ILPR: u64 = 0x020;
const IBRD: u64 = 0x024;
const FBRD: u64 = 0x028;
const LCR_H: u64 = 0x02c;
const CR: u64 = 0x030;
const IFLS: u64 = 0x034;
const IMSC: u64 = 0x038;
const RIS: u64 = 0x03c;
const MIS: u64 = 0x040;
const ICR: u64 = 0x044;
const DMACR: u64 = 0x048;
const PERIPH_ID: u64 = 0xfe0;
const LAST: u64 = 0xfff;

/// UARTPeriphID0–3 (part 0x011, designer 0x41, r1p4) and UARTPCellID0–3.
const IDENTIFICATION: [u32; 8] = [0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1];

/// UARTFR.RXFE, RXFF and TXFE.
const RECEIVE_EMPTY: u32 = 1 << 4;
const RECEIVE_FULL: u32 = 1 << 6;
const TRANSMIT_EMPTY: u32 = 1 << 7;

/// UARTLCR_H.FEN.
const FIFO_ENABLE: u32 = 1 << 4;
const FIFO_DEPTH: usize = 16;
/// Both triggers at half.
const FIFO_LEVELS_RESET: u32 = 0x12;

/// UARTCR.LBE.
const LOOPBACK: u32 = 1 << 7;
/// All but the reserved bits 6:3.
const CONTROL_BITS: u32 = 0xff87;
/// RXE and TXE.
const CONTROL_RESET: u32 = 0x300;

/// The interrupts' bits in UARTIMSC, UARTRIS, UARTMIS and UARTICR.
const RECEIVE: u32 = 1 << 4;
const TRANSMIT: u32 = 1 << 5;
const TIMEOUT: u32 = 1 << 6;
const OVERRUN: u32 = 1 << 10;
const INTERRUPTS: u32 = 0x7ff;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn uart() -> Pl011<Vec<u8>> {
        Pl011::new(Vec::new())
    }

    /// As a driver sets it up: 8 bits, FIFOs on, all interrupts of the receiver unmasked.
    fn set_up() -> Pl011<Vec<u8>> {
        let mut uart = uart();
        for (offset, value) in [
            (0x30, 0),
            (0x24, 13),
            (0x28, 1),
            (0x2c, 0x70),
            (0x38, 0x50),
            (0x30, 0x301),
        ] {
            write(&mut uart, offset, value);
        }
        uart
    }

    fn read(uart: &mut Pl011<Vec<u8>>, offset: u64) -> u64 {
        uart.read(offset, Width::Word)
    }

    fn write(uart: &mut Pl011<Vec<u8>>, offset: u64, value: u64) {
        uart.write(offset, Width::Word, value);
    }

    #[test]
    fn registers_after_reset_are_the_manuals() {
        let mut uart = uart();
        for (offset, value) in [
            (0x00, 0),
            (0x04, 0),
            (0x18, 0x90),
            (0x20, 0),
            (0x24, 0),
            (0x28, 0),
            (0x2c, 0),
            (0x30, 0x300),
            (0x34, 0x12),
            (0x38, 0),
            (0x3c, 0),
            (0x40, 0),
            (0x48, 0),
        ] {
            assert_eq!(read(&mut uart, offset), value, "{offset:#x}");
        }
    }

    #[test]
    fn the_identification_is_a_pl011_r1p4() {
        let mut uart = uart();
        let bytes: Vec<_> = (0..8)
            .map(|index| read(&mut uart, 0xfe0 + index * 4))
            .collect();
        assert_eq!(bytes, [0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1]);
    }

    #[test]
    fn a_written_byte_goes_out_at_once_even_before_any_set_up() {
        let mut uart = uart();
        for byte in *b"hi\n" {
            uart.write(0, Width::Byte, byte.into());
        }
        assert_eq!(uart.sink(), b"hi\n");
        assert_eq!(read(&mut uart, 0x18), 0x90); // transmitter empty, not full, not busy
    }

    #[test]
    fn only_the_low_byte_of_the_data_register_is_transmitted() {
        let mut uart = uart();
        write(&mut uart, 0, 0xffff_ff41);
        uart.write(0, Width::Halfword, 0xff42);
        assert_eq!(uart.sink(), b"AB");
    }

    #[test]
    fn unmasking_transmit_raises_nothing_and_a_write_does() {
        let mut uart = uart();
        write(&mut uart, 0x38, 1 << 5);
        assert_eq!(uart.line(), Level::Low);
        write(&mut uart, 0, b'x'.into());
        assert_eq!((read(&mut uart, 0x3c), read(&mut uart, 0x40)), (0x20, 0x20));
        assert_eq!(uart.line(), Level::High);
        write(&mut uart, 0x44, 1 << 5);
        assert_eq!(uart.line(), Level::Low);
        write(&mut uart, 0, b'y'.into());
        assert_eq!(uart.line(), Level::High);
    }

    #[test]
    fn masked_interrupts_are_raw_only() {
        let mut uart = uart();
        write(&mut uart, 0, b'x'.into());
        assert_eq!((read(&mut uart, 0x3c), read(&mut uart, 0x40)), (0x20, 0));
        assert_eq!(uart.line(), Level::Low);
    }

    #[test]
    fn received_bytes_are_read_in_order() {
        let mut uart = set_up();
        assert_eq!(uart.receive(b"abc"), 3);
        assert_eq!(read(&mut uart, 0x18), 0x80);
        assert_eq!([0; 3].map(|_: u8| read(&mut uart, 0)), [0x61, 0x62, 0x63]);
        assert_eq!(read(&mut uart, 0x18), 0x90);
        assert_eq!(read(&mut uart, 0), 0);
    }

    #[test]
    fn a_byte_below_the_trigger_is_a_receive_timeout_until_it_is_read() {
        let mut uart = set_up();
        uart.receive(b"a");
        assert_eq!((read(&mut uart, 0x40), uart.line()), (0x40, Level::High));
        read(&mut uart, 0);
        assert_eq!((read(&mut uart, 0x40), uart.line()), (0, Level::Low));
    }

    #[test]
    fn bytes_up_to_the_trigger_are_a_receive_interrupt() {
        let mut uart = set_up();
        uart.receive(b"1234567");
        assert_eq!(read(&mut uart, 0x3c), 0x40);
        uart.receive(b"8");
        assert_eq!(read(&mut uart, 0x3c), 0x10);
        read(&mut uart, 0);
        assert_eq!(read(&mut uart, 0x3c), 0x40);
    }

    #[test]
    fn each_trigger_level_is_its_share_of_sixteen() {
        for (select, trigger) in [(0, 2), (1, 4), (2, 8), (3, 12), (4, 14), (7, 14)] {
            let mut uart = set_up();
            write(&mut uart, 0x34, select << 3);
            uart.receive(&vec![0; trigger - 1]);
            assert_eq!(read(&mut uart, 0x3c) & 0x10, 0, "{select}");
            uart.receive(&[0]);
            assert_eq!(read(&mut uart, 0x3c) & 0x10, 0x10, "{select}");
        }
    }

    #[test]
    fn lowering_the_trigger_below_the_fill_raises_receive() {
        let mut uart = set_up();
        uart.receive(b"1234");
        write(&mut uart, 0x34, 1 << 3);
        assert_eq!(read(&mut uart, 0x3c), 0x10);
    }

    #[test]
    fn the_fifo_takes_sixteen_bytes_and_the_rest_waits() {
        let mut uart = set_up();
        assert_eq!(uart.receive(&[7; 20]), 16);
        assert_eq!((uart.room(), read(&mut uart, 0x18)), (0, 0xc0));
        read(&mut uart, 0);
        assert_eq!(uart.receive(&[8; 4]), 1);
    }

    #[test]
    fn without_fifos_there_is_room_for_one_byte_and_each_is_a_receive_interrupt() {
        let mut uart = uart();
        assert_eq!(uart.receive(b"ab"), 1);
        assert_eq!((read(&mut uart, 0x18), read(&mut uart, 0x3c)), (0xc0, 0x10));
    }

    #[test]
    fn enabling_the_fifos_keeps_the_byte_and_disabling_flushes() {
        let mut uart = uart();
        uart.receive(b"a");
        write(&mut uart, 0x2c, 0x70);
        assert_eq!((uart.room(), read(&mut uart, 0x3c)), (15, 0x40));
        write(&mut uart, 0x2c, 0x60);
        assert_eq!(
            (uart.room(), read(&mut uart, 0x3c), read(&mut uart, 0x18)),
            (1, 0, 0x90)
        );
    }

    #[test]
    fn loopback_receives_what_it_transmits_and_counts_what_is_lost() {
        let mut uart = set_up();
        write(&mut uart, 0x30, 0x381);
        for byte in 0..17 {
            write(&mut uart, 0, byte);
        }
        assert_eq!(uart.sink(), b"");
        assert_eq!((read(&mut uart, 0x3c), read(&mut uart, 0x04)), (0x430, 8));
        assert_eq!(read(&mut uart, 0), 0x800);
        write(&mut uart, 0x04, 0);
        write(&mut uart, 0x44, 1 << 10);
        assert_eq!((read(&mut uart, 0), read(&mut uart, 0x3c)), (1, 0x30));
    }

    #[test]
    fn registers_keep_only_the_bits_they_have() {
        let mut uart = uart();
        for (offset, value) in [
            (0x20, 0xff),
            (0x24, 0xffff),
            (0x28, 0x3f),
            (0x2c, 0xff),
            (0x30, 0xff87),
            (0x34, 0x3f),
            (0x38, 0x7ff),
            (0x48, 7),
        ] {
            write(&mut uart, offset, u64::MAX);
            assert_eq!(read(&mut uart, offset), value, "{offset:#x}");
        }
    }

    #[test]
    fn read_only_and_absent_registers_ignore_writes() {
        let mut uart = uart();
        for offset in [0x08, 0x18, 0x3c, 0x40, 0x4c, 0x80, 0xfe0, 0xffc] {
            let before = read(&mut uart, offset);
            write(&mut uart, offset, u64::MAX);
            assert_eq!(read(&mut uart, offset), before, "{offset:#x}");
        }
    }

    #[test]
    fn a_wide_write_is_two_registers_and_a_crooked_one_is_none() {
        let mut uart = uart();
        uart.write(0x24, Width::Doubleword, 0x0000_0003_0000_0011);
        assert_eq!((read(&mut uart, 0x24), read(&mut uart, 0x28)), (0x11, 3));
        uart.write(0x25, Width::Byte, 0xff);
        uart.write(0x26, Width::Word, 0xff);
        assert_eq!((read(&mut uart, 0x24), read(&mut uart, 0x28)), (0x11, 3));
    }

    #[test]
    fn a_reset_forgets_everything_but_the_sink() {
        let mut uart = set_up();
        uart.receive(b"abc");
        write(&mut uart, 0, b'x'.into());
        uart.reset();
        assert_eq!(uart.line(), Level::Low);
        assert_eq!(
            (read(&mut uart, 0x18), read(&mut uart, 0x30)),
            (0x90, 0x300)
        );
        assert_eq!((read(&mut uart, 0x3c), read(&mut uart, 0x38)), (0, 0));
        assert_eq!(uart.sink(), b"x");
    }

    #[derive(Debug, Clone)]
    enum Step {
        Read(u64, Width),
        Write(u64, Width, u64),
        Receive(Vec<u8>),
        Reset,
    }

    fn step() -> impl Strategy<Value = Step> {
        let width = prop::sample::select(vec![
            Width::Byte,
            Width::Halfword,
            Width::Word,
            Width::Doubleword,
        ]);
        let offset = prop_oneof![4 => 0..0x50_u64, 1 => 0..0x1000_u64, 1 => any::<u64>()];
        prop_oneof![
            (offset.clone(), width.clone()).prop_map(|(offset, width)| Step::Read(offset, width)),
            (offset, width, any::<u64>()).prop_map(|(o, w, v)| Step::Write(o, w, v)),
            prop::collection::vec(any::<u8>(), 0..40).prop_map(Step::Receive),
            Just(Step::Reset),
        ]
    }

    proptest! {
        #[test]
        fn any_value_at_any_offset_in_any_order_is_survived(
            steps in prop::collection::vec(step(), 0..200),
        ) {
            let mut uart = uart();
            for step in steps {
                match step {
                    Step::Read(offset, width) => {
                        let value = uart.read(offset, width);
                        prop_assert_eq!(value, width.truncate(value));
                    }
                    Step::Write(offset, width, value) => uart.write(offset, width, value),
                    Step::Receive(bytes) => {
                        let room = uart.room();
                        prop_assert_eq!(uart.receive(&bytes), room.min(bytes.len()));
                    }
                    Step::Reset => uart.reset(),
                }
                let fill = uart.received.len();
                prop_assert!(fill <= 16);
                prop_assert_eq!(uart.line() == Level::High, uart.raw & uart.mask != 0);
                // A driver that waits for an interrupt never waits beside bytes it was not told of,
                // unless it cleared the interrupt itself.
                prop_assert!(fill != 0 || uart.raw & (RECEIVE | TIMEOUT) == 0);
            }
        }
    }
}
