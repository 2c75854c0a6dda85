//! The targets and components of rust-toolchain.toml.
//!
//! Rustup installs them by itself only where its automatic installation is on, so they are asked
//! for by name. rust-toolchain.toml is the only list.

use anyhow::{Context, Result};

use super::say;
use crate::process;
use crate::workspace::Workspace;

pub(super) fn ensure(workspace: &Workspace) -> Result<()> {
    let file = workspace.root.join("rust-toolchain.toml");
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read {}", file.display()))?;
    let wanted = Toolchain::parse(&text)
        .with_context(|| format!("{} is not what setup expects", file.display()))?;
    let installed = installed(workspace)?;
    for (kind, names) in [
        ("target", wanted.missing_targets(&installed)),
        ("component", wanted.missing_components(&installed)),
    ] {
        if names.is_empty() {
            continue;
        }
        say("rust", format_args!("adding {kind}s {}", names.join(", ")));
        let mut add = workspace.command("rustup");
        add.args([kind, "add", "--toolchain", &wanted.channel])
            .args(names);
        process::show(add)?;
    }
    say(
        "rust",
        format_args!("{} with {}", wanted.channel, wanted.targets.join(", ")),
    );
    Ok(())
}

fn installed(workspace: &Workspace) -> Result<String> {
    let mut list = workspace.command("rustup");
    list.args(["component", "list", "--installed"]);
    process::output(list)
        .context("cannot ask rustup what is installed; Vambrace is built with rustup's Rust (https://rustup.rs)")
}

#[derive(Debug)]
struct Toolchain {
    channel: String,
    components: Vec<String>,
    targets: Vec<String>,
}

impl Toolchain {
    fn parse(text: &str) -> Result<Self> {
        let file: toml::Table = text.parse()?;
        let toolchain = file
            .get("toolchain")
            .and_then(toml::Value::as_table)
            .context("no [toolchain]")?;
        let strings = |key: &str| -> Result<Vec<String>> {
            let list = toolchain
                .get(key)
                .and_then(toml::Value::as_array)
                .with_context(|| format!("no list `{key}`"))?;
            list.iter()
                .map(|name| {
                    Ok(name
                        .as_str()
                        .with_context(|| format!("`{key}` holds more than names"))?
                        .to_owned())
                })
                .collect()
        };
        let channel = toolchain
            .get("channel")
            .and_then(toml::Value::as_str)
            .context("no `channel`")?;
        Ok(Self {
            channel: channel.to_owned(),
            components: strings("components")?,
            targets: strings("targets")?,
        })
    }

    /// The wanted targets that rustup's list of installed components does not have.
    fn missing_targets(&self, installed: &str) -> Vec<&str> {
        let has = |target: &str| {
            installed
                .lines()
                .any(|line| line.strip_prefix("rust-std-") == Some(target))
        };
        self.targets
            .iter()
            .map(String::as_str)
            .filter(|target| !has(target))
            .collect()
    }

    /// The same for components, which rustup lists as `name` or as `name-host`.
    fn missing_components(&self, installed: &str) -> Vec<&str> {
        let has = |component: &str| {
            installed
                .lines()
                .filter_map(|line| line.strip_prefix(component))
                .any(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        self.components
            .iter()
            .map(String::as_str)
            .filter(|component| !has(component))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOLCHAIN: &str = r#"
        [toolchain]
        channel = "1.95.0"
        components = ["rustfmt", "clippy"]
        targets = ["aarch64-unknown-none", "aarch64-unknown-none-softfloat"]
    "#;

    #[test]
    fn a_target_is_not_mistaken_for_one_with_a_longer_name() {
        let toolchain = Toolchain::parse(TOOLCHAIN).unwrap();
        let installed =
            "rust-std-aarch64-unknown-none-softfloat\nrust-std-x86_64-unknown-linux-gnu\n";
        assert_eq!(
            toolchain.missing_targets(installed),
            ["aarch64-unknown-none"]
        );
    }

    #[test]
    fn a_component_is_found_under_the_name_of_its_host() {
        let toolchain = Toolchain::parse(TOOLCHAIN).unwrap();
        let installed = "clippy-x86_64-unknown-linux-gnu\nrustc-x86_64-unknown-linux-gnu\n";
        assert_eq!(toolchain.missing_components(installed), ["rustfmt"]);
    }

    #[test]
    fn a_toolchain_file_without_targets_is_refused() {
        let error =
            Toolchain::parse("[toolchain]\nchannel = \"1.95.0\"\ncomponents = []").unwrap_err();
        assert_eq!(error.to_string(), "no list `targets`");
    }
}
