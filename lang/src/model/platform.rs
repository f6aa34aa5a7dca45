//! Platforms: `linux/arm64/v8`. **Source:** `containerd/platforms`.

use crate::quote::quote;
use std::fmt;

/// Operating system, architecture and variant of an image, normalised.
///
/// ```
/// use cooperage_lang::model::platform::Platform;
/// let host = Platform::new("linux", "amd64", "");
/// assert_eq!(Platform::parse("aarch64", &host).unwrap().to_string(), "linux/arm64");
/// assert_eq!(Platform::parse("linux/arm/7", &host).unwrap().to_string(), "linux/arm/v7");
/// assert!(Platform::parse("pdp11", &host).is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Platform {
    /// `linux`.
    pub os: String,
    /// `arm64`, in Go's spelling.
    pub architecture: String,
    /// `v8`; empty when there is none.
    pub variant: String,
    /// Windows build, `10.0.17763`; empty elsewhere.
    pub os_version: String,
    /// Features the image needs of the system.
    pub os_features: Vec<String>,
}

const COMPONENT: &str = "^[A-Za-z0-9_.-]+$";
const OS_COMPONENT: &str =
    r"^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.%-]*)((?:\+[A-Za-z0-9_.%-]+)*)\))?$";

pub(crate) const KNOWN_OS: &[&str] = &[
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "hurd",
    "illumos",
    "ios",
    "js",
    "linux",
    "nacl",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "windows",
    "zos",
];

pub(crate) const KNOWN_ARCHITECTURES: &[&str] = &[
    "386",
    "amd64",
    "amd64p32",
    "arm",
    "armbe",
    "arm64",
    "arm64be",
    "loong64",
    "mips",
    "mipsle",
    "mips64",
    "mips64le",
    "mips64p32",
    "mips64p32le",
    "ppc",
    "ppc64",
    "ppc64le",
    "riscv",
    "riscv64",
    "s390",
    "s390x",
    "sparc",
    "sparc64",
    "wasm",
];

/// Platforms that most images with several have, with a word on the machines. **Source:** Docker's official images.
pub const USUAL: &[(&str, &str)] = &[
    ("linux/amd64", "64-bit x86"),
    (
        "linux/arm64",
        "64-bit ARM: Apple silicon, Graviton, Raspberry Pi 3 and later",
    ),
    ("linux/arm/v7", "32-bit ARM"),
    ("linux/arm/v6", "32-bit ARM of the first Raspberry Pi"),
    ("linux/386", "32-bit x86"),
    ("linux/ppc64le", "POWER, little endian"),
    ("linux/s390x", "IBM Z"),
    ("linux/riscv64", "64-bit RISC-V"),
    ("windows/amd64", "Windows on 64-bit x86"),
];

impl Platform {
    /// Parses `os[(version[+feature…])][/arch[/variant]]` or one known os or arch; `host` fills what is missing.
    ///
    /// # Errors
    /// The official text.
    pub fn parse(text: &str, host: &Self) -> Result<Self, String> {
        let whole = quote(text.as_bytes());
        if text.contains('*') {
            return Err(format!(
                "{whole}: wildcards not yet supported: invalid argument"
            ));
        }
        let parts: Vec<&str> = text.splitn(4, '/').collect();
        let mut platform = parse_os(parts[0], &whole, host)?;
        for part in &parts[1..] {
            if part.is_empty()
                || !part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
            {
                let (part, rule) = (quote(part.as_bytes()), quote(COMPONENT.as_bytes()));
                return Err(format!(
                    "{part} is an invalid component of {whole}: platform specifier component must match {rule}: invalid argument"
                ));
            }
        }
        match parts[..] {
            [_] if KNOWN_OS.contains(&platform.os.as_str()) => {
                platform.architecture.clone_from(&host.architecture);
                if platform.architecture == "arm" && host.variant != "v7" {
                    platform.variant.clone_from(&host.variant);
                }
            }
            [word] => {
                platform.set_architecture(word);
                if !KNOWN_ARCHITECTURES.contains(&platform.architecture.as_str()) {
                    return Err(format!(
                        "{whole}: unknown operating system or architecture: invalid argument"
                    ));
                }
                platform.os.clone_from(&host.os);
            }
            [_, architecture] => platform.set_architecture(architecture),
            [_, architecture, variant] => {
                (platform.architecture, platform.variant) =
                    normalize_architecture(architecture, variant);
                if platform.architecture == "arm64" && platform.variant.is_empty() {
                    "v8".clone_into(&mut platform.variant);
                }
            }
            _ => {
                return Err(format!(
                    "{whole}: cannot parse platform specifier: invalid argument"
                ));
            }
        }
        Ok(platform)
    }

    /// `linux/arm64` from parts, normalised.
    pub fn new(os: &str, architecture: &str, variant: &str) -> Self {
        let (os, architecture, variant) =
            (os.to_owned(), architecture.to_owned(), variant.to_owned());
        Self {
            os,
            architecture,
            variant,
            ..Self::default()
        }
        .normalize()
    }

    /// The same with aliases resolved (`x86_64`, `aarch64`, `macos`), default variants of amd64 and arm64 taken out
    /// and that of arm (`v7`) filled in.
    #[must_use]
    pub fn normalize(&self) -> Self {
        let (architecture, variant) = normalize_architecture(&self.architecture, &self.variant);
        let mut os_features = self.os_features.clone();
        os_features.sort();
        os_features.dedup();
        Self {
            os: normalize_os(&self.os),
            architecture,
            variant,
            os_version: self.os_version.clone(),
            os_features,
        }
    }

    /// Tells whether an image for `offered` is what this platform asks for: the same os, architecture and variant
    /// after [`Platform::normalize`], for Windows the same build, and no feature that was not asked for.
    ///
    /// **Source:** `containerd/platforms`, `NewMatcher`.
    pub fn matches(&self, offered: &Self) -> bool {
        let (wanted, offered) = (self.normalize(), offered.normalize());
        wanted.os == offered.os
            && wanted.architecture == offered.architecture
            && wanted.variant == offered.variant
            && (wanted.os != "windows"
                || same_windows_build(&wanted.os_version, &offered.os_version))
            && offered
                .os_features
                .iter()
                .all(|f| wanted.os_features.contains(f))
    }

    /// With os version and features: `windows(10.0.17763)/amd64`.
    pub fn format_all(&self) -> String {
        let mut features = self.os_features.clone();
        features.sort();
        let mut options = encode(&self.os_version);
        for feature in &features {
            options.push('+');
            options.push_str(&encode(feature));
        }
        if options.is_empty() || self.os.is_empty() {
            return self.to_string();
        }
        self.format(&format!("{}({options})", self.os))
    }

    fn set_architecture(&mut self, text: &str) {
        (self.architecture, self.variant) = normalize_architecture(text, "");
        if self.architecture == "arm" && self.variant == "v7" {
            self.variant.clear();
        }
    }

    fn format(&self, os: &str) -> String {
        super::pattern::join(&[os, &self.architecture, &self.variant])
    }
}

/// `os/arch[/variant]`, or `unknown` without an os.
impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.os.is_empty() {
            f.write_str("unknown")
        } else {
            f.write_str(&self.format(&self.os))
        }
    }
}

/// Reads `os[(version[+feature…])]`.
fn parse_os(part: &str, whole: &str, host: &Platform) -> Result<Platform, String> {
    let (name, version, features) = split_os(part).ok_or_else(|| {
        let (part, rule) = (quote(part.as_bytes()), quote(OS_COMPONENT.as_bytes()));
        format!(
            "{part} is an invalid OS component of {whole}: OSAndVersion specifier component must match {rule}: invalid argument"
        )
    })?;
    let os = if name.is_empty() {
        host.os.clone()
    } else {
        normalize_os(name)
    };
    let os_version = decode(version).map_err(|e| {
        format!(
            "{whole} has an invalid OS version {}: {e}",
            quote(version.as_bytes())
        )
    })?;
    let os_features = features
        .iter()
        .map(|f| {
            decode(f).map_err(|e| {
                format!(
                    "{whole} has an invalid OS feature {}: {e}",
                    quote(f.as_bytes())
                )
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(Platform {
        os,
        os_version,
        os_features,
        ..Platform::default()
    })
}

/// Splits by [`OS_COMPONENT`].
fn split_os(part: &str) -> Option<(&str, &str, Vec<&str>)> {
    let (name, options) = match part.split_once('(') {
        Some((name, options)) => (name, Some(options.strip_suffix(')')?)),
        None => (part, None),
    };
    if name.is_empty()
        || !name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    {
        return None;
    }
    let Some(options) = options else {
        return Some((name, "", Vec::new()));
    };
    let allowed = |o: &str| {
        o.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.%-".contains(&b))
    };
    let (version, rest) = options
        .split_once('+')
        .map_or((options, None), |(v, rest)| (v, Some(rest)));
    let features: Vec<&str> = rest.map(|r| r.split('+').collect()).unwrap_or_default();
    (allowed(version) && features.iter().all(|f| !f.is_empty() && allowed(f)))
        .then_some((name, version, features))
}

fn normalize_os(os: &str) -> String {
    let os = os.to_lowercase();
    if os == "macos" {
        "darwin".to_owned()
    } else {
        os
    }
}

fn normalize_architecture(architecture: &str, variant: &str) -> (String, String) {
    let (architecture, variant) = (architecture.to_lowercase(), variant.to_lowercase());
    let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
        ("i386", _) => ("386", ""),
        ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
        ("x86_64" | "x86-64" | "amd64", _) => ("amd64", variant.as_str()),
        ("aarch64" | "arm64", "8" | "v8") => ("arm64", ""),
        ("aarch64" | "arm64", _) => ("arm64", variant.as_str()),
        ("armhf", _) | ("arm", "" | "7") => ("arm", "v7"),
        ("armel", _) | ("arm", "6") => ("arm", "v6"),
        ("arm", "5") => ("arm", "v5"),
        ("arm", "8") => ("arm", "v8"),
        (other, variant) => (other, variant),
    };
    (architecture.to_owned(), variant.to_owned())
}

/// A version that one side does not name fits any.
fn same_windows_build(wanted: &str, offered: &str) -> bool {
    let build = |v: &str| {
        v.splitn(4, '.')
            .take(3)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    wanted.is_empty() || offered.is_empty() || build(wanted) == build(offered)
}

fn encode(option: &str) -> String {
    let mut out = String::with_capacity(option.len());
    for c in option.chars() {
        match c {
            '%' => out.push_str("%25"),
            '+' => out.push_str("%2B"),
            '(' => out.push_str("%28"),
            ')' => out.push_str("%29"),
            '/' => out.push_str("%2F"),
            _ => out.push(c),
        }
    }
    out
}

fn decode(option: &str) -> Result<String, String> {
    super::url::percent_decode(option, false)
        .map_err(|escape| format!("invalid URL escape {}", quote(&escape)))
}
