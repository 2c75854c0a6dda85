//! Which mirror of Debian's archive this system uses, read from its own package sources.
//!
//! Both forms are understood: deb822 paragraphs (`*.sources`) and one line per source (`*.list`).
//! (sources.list(5)) A source counts if it offers binary packages of component `main` of a Debian
//! release and is not signed by somebody else's key. Several may: those whose address ends as
//! Debian's own mirrors do come first, and whatever a wrong one sends fails at the signature.

/// The mirrors that the contents of a system's source files name, the likeliest first.
pub(super) fn mirrors<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (name, text) in files {
        let sources = if name.ends_with(".sources") {
            paragraphs(text)
        } else {
            one_line(text)
        };
        for uri in sources
            .into_iter()
            .filter(Source::is_debian)
            .flat_map(|source| source.uris)
        {
            let uri = uri.trim_end_matches('/').to_owned();
            if is_fetchable(&uri) && !found.contains(&uri) {
                found.push(uri);
            }
        }
    }
    found.sort_by_key(|uri| !uri.ends_with("/debian"));
    found
}

#[derive(Debug, Default)]
struct Source {
    enabled: bool,
    types: Vec<String>,
    uris: Vec<String>,
    suites: Vec<String>,
    components: Vec<String>,
    signed_by: Option<String>,
}

impl Source {
    fn is_debian(&self) -> bool {
        let has = |list: &[String], wanted: &str| list.iter().any(|word| word == wanted);
        let signer = self.signed_by.as_deref();
        self.enabled
            && has(&self.types, "deb")
            && has(&self.components, "main")
            && self
                .suites
                .iter()
                .any(|suite| RELEASES.contains(&suite.trim_end_matches('/')))
            && signer.is_none_or(|key| key.contains("debian-archive"))
    }
}

fn paragraphs(text: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines().chain([""]) {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            if !fields.is_empty() {
                sources.push(paragraph(&std::mem::take(&mut fields)));
            }
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    sources
}

fn paragraph(fields: &[(String, String)]) -> Source {
    let field = |wanted: &str| {
        fields
            .iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.as_str())
    };
    let words = |wanted| {
        field(wanted)
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
    };
    Source {
        enabled: !matches!(field("enabled"), Some("no" | "false" | "off" | "0")),
        types: words("types").collect(),
        uris: words("uris").collect(),
        suites: words("suites").collect(),
        components: words("components").collect(),
        signed_by: field("signed-by").map(str::to_owned),
    }
}

fn one_line(text: &str) -> Vec<Source> {
    text.lines()
        .filter_map(|line| line_source(line.split('#').next().unwrap_or_default()))
        .collect()
}

/// `deb [option=value …] uri suite component…`
fn line_source(line: &str) -> Option<Source> {
    let (kind, rest) = line.trim().split_once(char::is_whitespace)?;
    let rest = rest.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace().map(str::to_owned);
    let signed_by = options
        .split_whitespace()
        .filter_map(|option| option.split_once('='))
        .find(|(name, _)| name.eq_ignore_ascii_case("signed-by"))
        .map(|(_, value)| value.to_owned());
    Some(Source {
        enabled: true,
        types: vec![kind.to_owned()],
        uris: vec![words.next()?],
        suites: vec![words.next()?],
        components: words.collect(),
        signed_by,
    })
}

/// A disc holds no kernels for another architecture.
fn is_fetchable(uri: &str) -> bool {
    uri.contains(':') && !uri.starts_with("cdrom:")
}

/// What a source may call Debian's releases: whoever follows one follows the whole archive.
const RELEASES: [&str; 12] = [
    "buster",
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "duke",
    "sid",
    "oldoldstable",
    "oldstable",
    "stable",
    "testing",
    "unstable",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_s_own_deb822_file_names_the_mirror() {
        let text = "\
Types: deb
# a comment inside
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
";
        assert_eq!(
            mirrors([("debian.sources", text)]),
            ["http://mirror.example/debian"]
        );
    }

    #[test]
    fn one_line_sources_with_and_without_options_are_read() {
        let text = "\
# deb http://commented.example/debian trixie main
deb-src http://source.example/debian trixie main
deb [ arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg ] \
https://one.example/debian/ trixie main contrib # behind
deb   http://two.example/debian\tstable\tmain
";
        assert_eq!(
            mirrors([("sources.list", text)]),
            ["https://one.example/debian", "http://two.example/debian"]
        );
    }

    #[test]
    fn other_people_s_archives_are_not_taken() {
        let list = "\
deb [signed-by=/usr/share/keyrings/other.gpg] https://packages.example/debian bookworm main
deb https://packages.example/apt something-bookworm main
deb http://ubuntu.example/ubuntu noble main universe
deb https://download.example/linux/debian bookworm stable
deb cdrom:[Debian GNU/Linux 12]/ bookworm main
deb
deb [unclosed http://x/debian bookworm main
";
        assert_eq!(mirrors([("a.list", list)]), Vec::<String>::new());
    }

    #[test]
    fn a_switched_off_source_is_not_taken() {
        let text = "Types: deb\nEnabled: no\nURIs: http://m.example/debian\nSuites: sid\n\
                    Components: main\n";
        assert!(mirrors([("a.sources", text)]).is_empty());
    }

    #[test]
    fn fields_go_on_in_indented_lines_and_names_ignore_case() {
        let text = "types: deb deb-src\nuris:\n mirror+file:///etc/apt/mirrors/debian.list\n\
                    SUITES: trixie\n trixie-updates\nComponents: main\nSigned-By:\n -----BEGIN\n \
                    debian-archive\n";
        assert_eq!(
            mirrors([("a.sources", text)]),
            ["mirror+file:///etc/apt/mirrors/debian.list"]
        );
    }

    #[test]
    fn addresses_that_look_like_debian_s_come_first() {
        let list = "deb http://local.example/repository bookworm main\n\
                    deb http://mirror.example/debian bookworm main\n\
                    deb http://mirror.example/debian/ trixie main\n";
        assert_eq!(
            mirrors([("a.list", list)]),
            [
                "http://mirror.example/debian",
                "http://local.example/repository"
            ]
        );
    }

    #[test]
    fn any_text_is_read_without_complaint() {
        for text in [
            "",
            ":",
            " : \n : ",
            "deb [",
            "\u{0}\u{7f}:\n\n\n x",
            "Types",
        ] {
            assert!(mirrors([("a.sources", text), ("a.list", text)]).is_empty());
        }
    }
}
