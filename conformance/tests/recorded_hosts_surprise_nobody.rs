//! The rules of core predict whatever was recorded of a host.

use vambrace_conformance::recorded;

#[test]
fn recorded_hosts_surprise_nobody() {
    let hosts = recorded::every();
    assert_eq!(hosts.len(), 42);
    for (place, file) in hosts {
        let surprises = file.profile.surprises();
        let surprises: Vec<String> = surprises.map(|surprise| surprise.to_string()).collect();
        assert_eq!(surprises, [] as [String; 0], "{place}");
    }
}
