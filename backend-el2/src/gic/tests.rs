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

fn registers() -> ListRegisters {
    [0; 4].into_iter().collect()
}

#[test]
fn an_sgi_reaches_the_vcpu_that_is_named_and_no_other() {
    let mut gic = gic();
    assert_eq!(gic.send(0, 0b10), 0b10);
    let mut of_0 = registers();
    assert_eq!(gic.list(0, &mut of_0), Listed::All);
    assert_eq!(of_0[0], 0);
    let mut of_1 = registers();
    gic.list(1, &mut of_1);
    assert_eq!(of_1[..2], [SGI_0, 0]);
}

#[test]
fn an_sgi_to_all_but_self_leaves_its_sender_out() {
    assert_eq!(gic().send(0, 1 << 40), 0b10);
    assert_eq!(gic().send(1, 1 << 40), 0b01);
    assert_eq!(gic().send(0, 1 << 16 | 1), 0, "another cluster");
}

#[test]
fn what_was_not_taken_comes_back_and_is_handed_out_again() {
    let mut gic = gic();
    gic.send(0, 1);
    let mut lrs = registers();
    gic.list(0, &mut lrs);
    gic.collect(0, &mut lrs, |_| false);
    assert_eq!(lrs[0], 0);
    assert_eq!(gic.read(Place::Redistributor(0, 0x1_0000 + 0x200), 4), 1);
    gic.list(0, &mut lrs);
    assert_eq!(lrs[0], SGI_0);
}

#[test]
fn what_was_ended_is_gone() {
    let mut gic = gic();
    gic.send(0, 1);
    let mut lrs = registers();
    gic.list(0, &mut lrs);
    lrs[0] &= !(LR_PENDING | LR_ACTIVE);
    gic.collect(0, &mut lrs, |_| false);
    gic.list(0, &mut lrs);
    assert_eq!(lrs[0], 0);
}

#[test]
fn a_real_interrupt_is_held_until_the_guest_ends_it() {
    let mut gic = gic();
    gic.hold(0, 27);
    let mut lrs = registers();
    gic.list(0, &mut lrs);
    assert_eq!(lrs[0], 27 | 27 << 32 | 0x80 << 48 | 0b0111 << 60);
    // Acknowledged: active, and still the guest's.
    lrs[0] = lrs[0] & !LR_PENDING | LR_ACTIVE;
    assert_eq!(gic.collect(0, &mut lrs, |_| false), []);
    gic.list(0, &mut lrs);
    assert_eq!(lrs[0] >> 60, 0b1011);
    // Ended: the hardware has deactivated it.
    lrs[0] &= !LR_ACTIVE;
    assert_eq!(gic.collect(0, &mut lrs, |_| true), []);
    gic.list(0, &mut lrs);
    assert_eq!(lrs[0], 0);
}

#[test]
fn a_real_interrupt_that_nobody_took_is_let_go_when_its_line_falls() {
    let mut gic = gic();
    gic.hold(0, 27);
    let mut lrs = registers();
    gic.list(0, &mut lrs);
    assert_eq!(gic.collect(0, &mut lrs, |_| true), []);
    assert_eq!(gic.pending(0, 0xff), Pending::Some);
    assert_eq!(gic.collect(0, &mut lrs, |_| false), [27]);
    assert_eq!(gic.pending(0, 0xff), Pending::None);
}

#[test]
fn what_is_masked_disabled_or_not_forwarded_wakes_nobody() {
    let mut gic = gic();
    gic.send(0, 1);
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
    assert_eq!(gic.list(0, &mut lrs), Listed::Some);
    let [first, ..] = lrs[0].to_le_bytes();
    assert_eq!(first, 5);
}

#[test]
fn a_shared_interrupt_goes_where_it_is_routed() {
    let mut gic = gic();
    gic.write(Place::Distributor(0x084), 4, 2);
    gic.write(Place::Distributor(0x104), 4, 2);
    gic.write(Place::Distributor(0x6108), 8, 1);
    gic.hold(0, 33);
    let (mut of_0, mut of_1) = (registers(), registers());
    gic.list(0, &mut of_0);
    gic.list(1, &mut of_1);
    assert_eq!(of_0[0], 0);
    assert_eq!(of_1[0] & 0xff, 33);
    assert_eq!(gic.read(Place::Distributor(0x6108), 8), 1);
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
    gic.collect(0, &mut lrs, |_| false);
}
