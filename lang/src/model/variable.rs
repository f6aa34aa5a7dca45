//! Environment variables that programs in images look at.

/// A variable with a known effect.
#[derive(Debug)]
pub struct KnownVariable {
    /// Its name.
    pub name: &'static str,
    /// A usual value.
    pub example: &'static str,
    /// One sentence, Markdown.
    pub doc: &'static str,
}

/// Variables one sets in images, the general ones first. **Source:** the documentation of the programs.
pub const KNOWN_VARIABLES: &[KnownVariable] = &[
    variable(
        "PATH",
        "/app/bin:$PATH",
        "Folders in which programs are found.",
    ),
    variable("LANG", "C.UTF-8", "Language and character set of messages."),
    variable("TZ", "UTC", "Time zone; its data has to be in the image."),
    variable(
        "HOME",
        "/home/app",
        "Home folder; set from the user when it is not.",
    ),
    variable(
        "SSL_CERT_FILE",
        "/etc/ssl/certs/ca-certificates.crt",
        "Certificates that OpenSSL and Go trust.",
    ),
    variable(
        "PYTHONUNBUFFERED",
        "1",
        "Python writes output at once, so that logs are complete.",
    ),
    variable(
        "PYTHONDONTWRITEBYTECODE",
        "1",
        "Python writes no `.pyc` files.",
    ),
    variable("PIP_NO_CACHE_DIR", "1", "pip keeps no downloads."),
    variable(
        "PIP_DISABLE_PIP_VERSION_CHECK",
        "1",
        "pip does not look for a newer pip.",
    ),
    variable(
        "UV_LINK_MODE",
        "copy",
        "uv copies from its cache, which may be a mount.",
    ),
    variable(
        "UV_COMPILE_BYTECODE",
        "1",
        "uv compiles what it installs, for a faster start.",
    ),
    variable(
        "NODE_ENV",
        "production",
        "npm leaves development packages out; many libraries run without debugging.",
    ),
    variable(
        "NPM_CONFIG_UPDATE_NOTIFIER",
        "false",
        "npm does not look for a newer npm.",
    ),
    variable(
        "CGO_ENABLED",
        "0",
        "Go builds programs that need no C library.",
    ),
    variable("GOFLAGS", "-trimpath", "Flags of every `go` command."),
    variable(
        "GOTOOLCHAIN",
        "local",
        "Go does not download another toolchain.",
    ),
    variable(
        "RUST_BACKTRACE",
        "1",
        "Rust programs show where they panicked.",
    ),
    variable(
        "CARGO_INCREMENTAL",
        "0",
        "Cargo keeps nothing for incremental builds.",
    ),
    variable(
        "JAVA_TOOL_OPTIONS",
        "-XX:MaxRAMPercentage=75",
        "Options of every Java virtual machine.",
    ),
    variable(
        "DOTNET_CLI_TELEMETRY_OPTOUT",
        "1",
        ".NET's tools send no usage data.",
    ),
    variable(
        "ASPNETCORE_URLS",
        "http://+:8080",
        "Addresses an ASP.NET program listens on.",
    ),
    variable("RAILS_ENV", "production", "Environment of a Rails program."),
    variable(
        "BUNDLE_WITHOUT",
        "development:test",
        "Groups of gems that Bundler leaves out.",
    ),
    variable(
        "COMPOSER_ALLOW_SUPERUSER",
        "1",
        "Composer runs as root without asking.",
    ),
];

const fn variable(name: &'static str, example: &'static str, doc: &'static str) -> KnownVariable {
    KnownVariable { name, example, doc }
}

/// The variable called `name`.
pub fn known(name: &str) -> Option<&'static KnownVariable> {
    KNOWN_VARIABLES
        .iter()
        .find(|variable| variable.name == name)
}
