//! TRNG_RND32 gives as many random bits as are asked for, and zeros above them.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Failure, Proof},
    firmware::{Call, Returned},
    line,
};

claim! {
    "TRNG_RND32 gives as many random bits as are asked for, and zeros above them.";
    vcpus: 1, kvm: "5.19", with: "trng", needs: "entropy";
    prove
}

fn prove() -> Proof {
    for count in [1, 31, 32, 33, 95, 96] {
        bits(
            Call::hvc(0x8400_0053, &[count]).make_told(|_| "random bits"),
            count,
        )?;
    }
    let mut ones = [0; 3];
    for _ in 0..DRAWS {
        let words = bits(Call::hvc(0x8400_0053, &[96]).make_silently(), 96)?;
        for (seen, word) in ones.iter_mut().zip(words) {
            *seen |= word;
        }
    }
    // A random bit stays 0 in all of them once in 2^48.
    line!("{DRAWS} draws of 96 bits: each bit was 1 in one of them");
    for word in ones {
        expect::equal("bits that were 1 in one of the draws", word, 0xFFFF_FFFF)?;
    }
    Ok(())
}

/// DEN0098 §2.4: x3 has the lowest 32 bits, then x2, then x1. Returns them in this order.
fn bits(answer: Returned, count: u64) -> Result<[u64; 3], Failure> {
    let [code, highest, middle, lowest] = answer.x;
    expect::equal("x0", code, 0)?;
    let words = [lowest, middle, highest];
    for (word, below) in words.into_iter().zip([0, 32, 64]) {
        let width = count.saturating_sub(below).min(32);
        let unwanted = word.checked_shr(width as u32).unwrap_or(0);
        expect::equal("bits above those asked for", unwanted, 0)?;
    }
    Ok(words)
}

const DRAWS: usize = 48;
