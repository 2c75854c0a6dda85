//! The guest's interrupt controller, told as a guest and a CPU would meet it.

use super::*;

const SGI_0: u64 = 1 << 62 | 1 << 60 | 0x80 << 48;

/// A guest that has enabled everything of group 1 that it uses, at priority 0x80.
fn gic() -> Gic {
    let mut gic = Gic::new(2);
    gic.write(Place::Distributor(0), 4, 2);
    for vcpu in 0..2 {
        let frame = |offset: u64| Place::Redistributor(vcpu, 0x1_0000 + offset);
        gic.write(frame(0x080), 4, 0xffff_ffff);
        gic.write(frame(0x100), 4, 0xffff_ffff);
        for word in 0..8 {
            gic.write(frame(0x400 + 4 * word), 4, 0x8080_8080);
        }
    }
    gic
}

/// A register of vCPU 0's SGIs and PPIs.
fn private(offset: u64) -> Place {
    Place::Redistributor(0, 0x1_0000 + offset)
}

/// The interrupts in list registers.
fn numbers(registers: &ListRegisters) -> [u8; 4] {
    let mut numbers = [0; 4];
    for (number, register) in numbers.iter_mut().zip(registers) {
        [*number, ..] = register.to_le_bytes();
    }
    numbers
}

fn registers() -> ListRegisters {
    [0; 4].into_iter().collect()
}

#[test]
fn an_sgi_reaches_the_vcpu_that_is_named_and_no_other() {
    let mut gic = gic();
    assert_eq!(gic.send(0, 0b10, Groups::Both), 0b10);
    let mut of_0 = registers();
    assert_eq!(gic.list(0, &mut of_0), Listed::All);
    assert_eq!(of_0[0], 0);
    let mut of_1 = registers();
    gic.list(1, &mut of_1);
    assert_eq!(of_1[..2], [SGI_0, 0]);
}

#[test]
fn an_sgi_to_all_but_self_leaves_its_sender_out() {
    assert_eq!(gic().send(0, 1 << 40, Groups::Both), 0b10);
    assert_eq!(gic().send(1, 1 << 40, Groups::Both), 0b01);
    assert_eq!(
        gic().send(0, 1 << 16 | 1, Groups::Both),
        0,
        "another cluster"
    );
}

#[test]
fn what_was_not_taken_comes_back_and_is_handed_out_again() {
    let mut gic = gic();
    gic.send(0, 1, Groups::Both);
    let mut lrs = registers();
    gic.list(0, &mut lrs);
    gic.collect(0, &mut lrs, 0);
    assert_eq!(lrs[0], 0);
    assert_eq!(gic.read(Place::Redistributor(0, 0x1_0000 + 0x200), 4), 1);
    gic.list(0, &mut lrs);
    assert_eq!(lrs[0], SGI_0);
}

#[test]
fn what_was_ended_is_gone() {
    let mut gic = gic();
    gic.send(0, 1, Groups::Both);
    let mut lrs = registers();
    gic.list(0, &mut lrs);
    lrs[0] &= !(LR_PENDING | LR_ACTIVE);
    gic.collect(0, &mut lrs, 0);
    gic.list(0, &mut lrs);
    assert_eq!(lrs[0], 0);
}

#[test]
fn a_real_interrupt_is_held_until_the_guest_ends_it() {
    let mut gic = gic();
    assert_eq!(gic.hold(0, 27), Some(0));
    let mut lrs = registers();
    gic.list(0, &mut lrs);
    assert_eq!(lrs[0], 27 | 27 << 32 | 0x80 << 48 | 0b0111 << 60);
    // Acknowledged: active, and still the guest's.
    lrs[0] = lrs[0] & !LR_PENDING | LR_ACTIVE;
    gic.collect(0, &mut lrs, 0);
    assert_eq!(gic.release(0, |_| false), []);
    gic.list(0, &mut lrs);
    assert_eq!(lrs[0] >> 60, 0b1011);
    // Ended: the hardware has deactivated it.
    lrs[0] &= !LR_ACTIVE;
    gic.collect(0, &mut lrs, 0);
    assert_eq!(gic.release(0, |_| false), []);
    gic.list(0, &mut lrs);
    assert_eq!(lrs[0], 0);
}

#[test]
fn a_real_interrupt_that_nobody_took_is_let_go_when_its_line_falls() {
    let mut gic = gic();
    gic.hold(0, 27);
    let mut lrs = registers();
    gic.list(0, &mut lrs);
    assert_eq!(gic.release(0, |_| false), [], "in a list register");
    gic.collect(0, &mut lrs, 0);
    assert_eq!(gic.release(0, |_| true), []);
    assert_eq!(gic.pending(0, 0xff), Pending::Some);
    assert_eq!(gic.release(0, |_| false), [27]);
    assert_eq!(gic.pending(0, 0xff), Pending::None);
}

#[test]
fn a_real_interrupt_held_again_before_its_end_is_seen_is_pending() {
    let mut gic = gic();
    gic.hold(0, 27);
    let mut lrs = registers();
    gic.list(0, &mut lrs);
    // Taken, ended, and signalled again, all in the guest.
    lrs[0] &= !(LR_PENDING | LR_ACTIVE);
    gic.hold(0, 27);
    gic.collect(0, &mut lrs, 0);
    assert_eq!(gic.release(0, |_| true), []);
    gic.list(0, &mut lrs);
    assert_eq!(lrs[0], 27 | 27 << 32 | 0x80 << 48 | 0b0111 << 60);
}

#[test]
fn a_real_interrupt_leaves_what_software_made_of_it_in_its_list_register() {
    let mut gic = gic();
    gic.write(private(0x200), 4, 1 << 27);
    let mut lrs = registers();
    gic.list(0, &mut lrs);
    assert_eq!(lrs[0], 27 | 0x80 << 48 | 0b0101 << 60);
    lrs[0] = lrs[0] & !LR_PENDING | LR_ACTIVE;
    gic.hold(0, 27);
    gic.collect(0, &mut lrs, 0);
    gic.list(0, &mut lrs);
    assert_eq!(lrs[0] >> 60, 0b1011, "active, and real from now on");
}

#[test]
fn a_reset_keeps_what_is_held_and_nothing_else() {
    let mut gic = gic();
    gic.hold(1, 27);
    gic.send(1, 0b10, Groups::Both);
    let mut lrs = registers();
    gic.list(1, &mut lrs);
    gic.reset();
    assert_eq!(gic.read(Place::Distributor(0), 4), 0x50);
    assert_eq!(gic.read(Place::Redistributor(1, 0x1_0080), 4), 0);
    assert_eq!(gic.read(Place::Redistributor(1, 0x1_0200), 4), 1 << 27);
    // What its registers still say is of a former life.
    gic.collect(1, &mut lrs, 0);
    assert_eq!(gic.release(1, |_| true), []);
    assert_eq!(gic.release(1, |_| false), [27]);
}

#[test]
fn a_deactivated_real_interrupt_is_pending_again_while_its_line_is_high() {
    let mut gic = gic();
    gic.hold(0, 27);
    let mut lrs = registers();
    gic.list(0, &mut lrs);
    lrs[0] = lrs[0] & !LR_PENDING | LR_ACTIVE;
    gic.collect(0, &mut lrs, 0);
    assert_eq!(gic.read(private(0x300), 4), 1 << 27);
    // GICR_ICACTIVER0, as ICC_DIR_EL1.
    gic.write(private(0x380), 4, 1 << 27);
    assert_eq!(gic.release(0, |_| true), []);
    gic.list(0, &mut lrs);
    assert_eq!(lrs[0] >> 60, 0b0111);
}

#[test]
fn what_the_guest_withdraws_is_not_signalled() {
    let mut gic = gic();
    gic.send(0, 1, Groups::Both);
    let mut lrs = registers();
    gic.list(0, &mut lrs);
    gic.collect(0, &mut lrs, 0);
    assert_eq!(gic.read(private(0x200), 4), 1);
    // GICR_ICPENDR0.
    gic.write(private(0x280), 4, 1);
    gic.list(0, &mut lrs);
    assert_eq!(lrs[0], 0);
}

#[test]
fn what_another_vcpu_withdraws_counts_when_it_comes_back() {
    let mut gic = gic();
    gic.send(1, 0b10, Groups::Both);
    gic.write(Place::Redistributor(1, 0x1_0300), 4, 2);
    let mut lrs = registers();
    gic.list(1, &mut lrs);
    assert_eq!(gic.read(Place::Redistributor(1, 0x1_0200), 4), 1);
    gic.write(Place::Redistributor(1, 0x1_0280), 4, 1);
    gic.write(Place::Redistributor(1, 0x1_0380), 4, 2);
    assert_eq!(gic.read(Place::Redistributor(1, 0x1_0200), 4), 0);
    assert_eq!(gic.read(Place::Redistributor(1, 0x1_0300), 4), 0);
    gic.collect(1, &mut lrs, 0);
    gic.list(1, &mut lrs);
    assert_eq!(lrs[0], 0);
}

#[test]
fn an_sgi_sent_while_the_last_is_handled_comes_next() {
    let mut gic = gic();
    gic.send(0, 1, Groups::Both);
    let mut lrs = registers();
    gic.list(0, &mut lrs);
    lrs[0] = lrs[0] & !LR_PENDING | LR_ACTIVE;
    gic.send(1, 1, Groups::Both);
    gic.collect(0, &mut lrs, 0);
    gic.list(0, &mut lrs);
    assert_eq!(lrs[0] >> 60, 0b1101, "pending and active");
}

#[test]
fn with_more_active_than_registers_the_most_urgent_have_ended() {
    let mut gic = gic();
    gic.write(private(0x400), 4, 0x7060_5040);
    gic.write(private(0x404), 4, 0x0000_9080);
    gic.write(private(0x300), 4, 0b11_1111);
    let mut lrs = registers();
    assert_eq!(gic.list(0, &mut lrs), Listed::SomeActive);
    assert_eq!(numbers(&lrs), [0, 1, 2, 3]);
    // The four in registers have ended, then one of the two others.
    for register in &mut lrs {
        *register &= !LR_ACTIVE;
    }
    gic.collect(0, &mut lrs, 1);
    assert_eq!(gic.read(private(0x300), 4), 0b10_0000);
    assert_eq!(gic.list(0, &mut lrs), Listed::All);
    assert_eq!(numbers(&lrs), [5, 0, 0, 0]);
    // A count of what never was does no harm.
    gic.collect(0, &mut lrs, 31);
    assert_eq!(gic.read(private(0x300), 4), 0b10_0000);
}

#[test]
fn what_waits_has_room_before_what_is_active() {
    let mut gic = gic();
    gic.write(private(0x300), 4, 0b1111);
    gic.send(0, 5 << 24 | 1, Groups::Both);
    let mut lrs = registers();
    assert_eq!(gic.list(0, &mut lrs), Listed::SomeActive);
    assert_eq!(numbers(&lrs), [5, 0, 1, 2]);
}

#[test]
fn what_is_masked_disabled_or_not_forwarded_wakes_nobody() {
    let mut gic = gic();
    gic.send(0, 1, Groups::Both);
    assert_eq!(gic.pending(0, 0x81), Pending::Some);
    assert_eq!(gic.pending(0, 0x80), Pending::None);
    gic.write(Place::Redistributor(0, 0x1_0000 + 0x180), 4, 1);
    assert_eq!(gic.pending(0, 0xff), Pending::None);
    gic.write(Place::Redistributor(0, 0x1_0000 + 0x100), 4, 1);
    gic.write(Place::Distributor(0), 4, 0);
    assert_eq!(gic.pending(0, 0xff), Pending::None);
}

#[test]
fn the_most_urgent_come_first_and_the_rest_wait() {
    let mut gic = gic();
    gic.write(Place::Redistributor(0, 0x1_0000 + 0x400 + 5), 1, 0x10);
    gic.write(Place::Redistributor(0, 0x1_0000 + 0x200), 4, 0b11_1111);
    let mut lrs = registers();
    assert_eq!(gic.list(0, &mut lrs), Listed::SomePending);
    assert_eq!(numbers(&lrs), [5, 0, 1, 2]);
}

#[test]
fn an_sgi_comes_only_by_the_register_of_its_group() {
    let mut gic = gic();
    assert_eq!(gic.send(0, 0b11, Groups::Zero), 0);
    // GICR_IGROUPR0 of vCPU 1: SGI 0 is of group 0.
    gic.write(Place::Redistributor(1, 0x1_0080), 4, 0xffff_fffe);
    assert_eq!(gic.send(0, 0b11, Groups::Zero), 0b10);
    assert_eq!(gic.send(0, 0b11, Groups::Both), 0b11);
}

#[test]
fn an_sgi_to_a_range_without_cpus_reaches_nobody() {
    assert_eq!(gic().send(0, 1 << 44 | 0b11, Groups::Both), 0);
}

#[test]
fn a_shared_interrupt_goes_where_it_is_routed() {
    let mut gic = gic();
    gic.write(Place::Distributor(0x084), 4, 2);
    gic.write(Place::Distributor(0x104), 4, 2);
    gic.write(Place::Distributor(0x6108), 8, 1);
    assert_eq!(gic.hold(0, 33), Some(1));
    let (mut of_0, mut of_1) = (registers(), registers());
    gic.list(0, &mut of_0);
    gic.list(1, &mut of_1);
    assert_eq!(of_0[0], 0);
    assert_eq!(of_1[0] & 0xff, 33);
    assert_eq!(gic.read(Place::Distributor(0x6108), 8), 1);
}

/// Shared interrupt 33 enabled, in group 1, and routed to vCPU `vcpu`.
fn route_uart(gic: &mut Gic, vcpu: u64) {
    gic.write(Place::Distributor(0x084), 4, 2);
    gic.write(Place::Distributor(0x104), 4, 2);
    gic.write(Place::Distributor(0x6108), 8, vcpu);
}

#[test]
fn a_shared_interrupt_that_is_pending_moves_with_its_route() {
    let mut gic = gic();
    route_uart(&mut gic, 1);
    gic.hold(0, 33);
    let (mut of_0, mut of_1) = (registers(), registers());
    gic.list(1, &mut of_1);
    route_uart(&mut gic, 0);
    gic.list(0, &mut of_0);
    assert_eq!(of_0[0], 0, "still the other's");
    assert_eq!(gic.collect(1, &mut of_1, 0), 0b01, "who is to hear");
    gic.list(0, &mut of_0);
    assert_eq!(of_0[0] & 0xff, 33);
}

#[test]
fn a_shared_interrupt_that_is_active_stays_where_it_was_taken() {
    let mut gic = gic();
    route_uart(&mut gic, 1);
    gic.hold(0, 33);
    let mut lrs = registers();
    gic.list(1, &mut lrs);
    lrs[0] = lrs[0] & !LR_PENDING | LR_ACTIVE;
    route_uart(&mut gic, 0);
    assert_eq!(gic.collect(1, &mut lrs, 0), 0);
    gic.list(0, &mut lrs);
    assert_eq!(lrs[0], 0);
    gic.list(1, &mut lrs);
    assert_eq!(lrs[0] >> 60, 0b1011);
    // ICC_DIR_EL1 on another vCPU: whoever took it has to be told.
    assert_eq!(gic.deactivate(0, 33), 0b10);
    gic.collect(1, &mut lrs, 0);
    assert_eq!(gic.read(Place::Distributor(0x304), 4), 0);
    assert_eq!(gic.release(0, |_| false), [33]);
}

#[test]
fn what_a_former_place_says_of_a_shared_interrupt_does_not_count() {
    let mut gic = gic();
    route_uart(&mut gic, 1);
    gic.hold(0, 33);
    let (mut of_0, mut of_1) = (registers(), registers());
    gic.list(1, &mut of_1);
    // Ended there, signalled again, and given to the other.
    of_1[0] &= !(LR_PENDING | LR_ACTIVE);
    route_uart(&mut gic, 0);
    assert_eq!(gic.hold(0, 33), Some(0));
    gic.list(0, &mut of_0);
    assert_eq!(gic.collect(1, &mut of_1, 0), 0);
    assert_eq!(gic.collect(0, &mut of_0, 0), 0);
    assert_eq!(gic.read(Place::Distributor(0x204), 4), 2);
}

#[test]
fn sgis_are_edge_triggered_and_what_the_guest_configures_is_remembered() {
    let mut gic = gic();
    gic.write(private(0xc00), 4, 0);
    gic.write(private(0xc04), 4, u64::MAX);
    gic.write(Place::Distributor(0xc08), 4, 0xffff_fff7);
    assert_eq!(gic.read(private(0xc00), 4), 0xaaaa_aaaa);
    assert_eq!(gic.read(private(0xc04), 4), 0);
    assert_eq!(gic.read(Place::Distributor(0xc08), 4), 0xaaaa_aaa2);
}

#[test]
fn identification_is_a_gicv3s_and_the_last_redistributor_says_so() {
    let gic = gic();
    assert_eq!(gic.read(Place::Distributor(0xffe8), 4), 0x3b);
    assert_eq!(gic.read(Place::Distributor(4), 4) & 0x1f, 1);
    assert_eq!(gic.read(Place::Redistributor(0, 8), 8), 0);
    assert_eq!(
        gic.read(Place::Redistributor(1, 8), 8),
        1 << 32 | 1 << 8 | 1 << 4
    );
    assert_eq!(gic.read(Place::Redistributor(1, 12), 4), 1);
    assert_eq!(Place::at(0x080e_0000, 2), None);
    assert_eq!(
        Place::at(0x080d_0014, 2),
        Some(Place::Redistributor(1, 0x1_0014))
    );
}

#[test]
fn a_sleeping_redistributor_wakes_at_once() {
    let mut gic = gic();
    assert_eq!(gic.read(Place::Redistributor(0, 0x14), 4), 6);
    gic.write(Place::Redistributor(0, 0x14), 4, 0);
    assert_eq!(gic.read(Place::Redistributor(0, 0x14), 4), 0);
}

#[test]
fn any_access_to_any_register_is_survived() {
    let mut gic = gic();
    for offset in (0..0x2_0000).step_by(4) {
        for bytes in [1, 2, 4, 8] {
            for place in [
                Place::Distributor(offset & 0xffff | 3),
                Place::Distributor(offset & 0xffff),
                Place::Redistributor(1, offset),
            ] {
                gic.write(place, bytes, u64::MAX);
                let _ = gic.read(place, bytes);
            }
        }
    }
    let mut lrs = registers();
    gic.list(0, &mut lrs);
    gic.collect(0, &mut lrs, 0);
}
