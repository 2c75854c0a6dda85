//! TRNG_RND64 gives as many random bits as are asked for, and zeros above them.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Failure, Proof},
    firmware::{Call, Returned},
    line,
};

claim! {
    "TRNG_RND64 gives as many random bits as are asked for, and zeros above them.";
    vcpus: 1, kvm: "5.19", with: "trng", needs: "entropy";
    prove
}

fn prove() -> Proof {
    for count in [1, 63, 64, 65, 191, 192] {
        bits(
            Call::hvc(0xC400_0053, &[count]).make_told(|_| "random bits"),
            count,
        )?;
    }
    let mut ones = [0; 3];
    for _ in 0..DRAWS {
        let words = bits(Call::hvc(0xC400_0053, &[192]).make_silently(), 192)?;
        for (seen, word) in ones.iter_mut().zip(words) {
            *seen |= word;
        }
    }
    // A random bit stays 0 in all of them once in 2^48.
    line!("{DRAWS} draws of 192 bits: each bit was 1 in one of them");
    for word in ones {
        expect::equal("bits that were 1 in one of the draws", word, u64::MAX)?;
    }
    Ok(())
}

/// DEN0098 §2.4: x3 has the lowest 64 bits, then x2, then x1. Returns them in this order.
fn bits(answer: Returned, count: u64) -> Result<[u64; 3], Failure> {
    let [code, highest, middle, lowest] = answer.x;
    expect::equal("x0", code, 0)?;
    let words = [lowest, middle, highest];
    for (word, below) in words.into_iter().zip([0, 64, 128]) {
        let width = count.saturating_sub(below).min(64);
        let unwanted = word.checked_shr(width as u32).unwrap_or(0);
        expect::equal("bits above those asked for", unwanted, 0)?;
    }
    Ok(words)
}

const DRAWS: usize = 48;
