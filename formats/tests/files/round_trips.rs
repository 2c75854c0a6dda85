//! What is written is read back as the same, and has one form.

use proptest::collection::vec;
use proptest::prelude::*;
use vambrace_formats::contract;
use vambrace_formats::profile::ProfileFile;

use crate::random::{self, Numbers};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_contract_is_read_back_as_it_was(numbers in vec(any::<u64>(), 0..300)) {
        let contract = random::contract(&mut Numbers::new(numbers));
        let text = contract::to_toml(&contract);
        let read = contract::from_toml(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        prop_assert_eq!(&read, &contract);
        prop_assert_eq!(contract::to_toml(&read), text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_profile_is_read_back_as_it_was(numbers in vec(any::<u64>(), 0..8000)) {
        let profile = random::profile(&mut Numbers::new(numbers));
        let text = profile.write();
        let read = ProfileFile::read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        prop_assert_eq!(&read, &profile);
        prop_assert_eq!(read.write(), text);
    }
}

#[test]
fn what_stands_otherwise_in_a_contract_is_put_in_the_house_s_form() {
    let contract = random::contract(&mut Numbers::new(Vec::new()));
    let text = contract::to_toml(&contract);
    let without_comments: String = text
        .lines()
        .map(|line| {
            format!(
                "  {}\r\n",
                line.split(" #").next().unwrap_or_default().trim()
            )
        })
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect();
    let capital = without_comments.replace("0x0000000001000000", "0x1000000");
    assert_ne!(capital, text);
    let read = contract::from_toml(&capital).unwrap();
    assert_eq!(contract::to_toml(&read), text);
}
