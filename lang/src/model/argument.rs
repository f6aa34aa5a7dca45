//! Arguments that exist without being declared.

/// An argument that exists without an `ARG`.
#[derive(Debug)]
pub struct KnownArgument {
    /// Its name.
    pub name: &'static str,
    /// Where it can be used without being declared.
    pub reach: Reach,
    /// One sentence, Markdown.
    pub doc: &'static str,
}

/// Where a predefined argument can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Before the first `FROM` and in `FROM`; a stage declares it with `ARG` first.
    Global,
    /// In the commands of every `RUN`.
    Commands,
    /// Nowhere: it is a setting of the builder, given with `ARG` or when building.
    Setting,
}

/// Every predefined argument.
///
/// **Source:** Dockerfile reference, sections "Predefined ARGs", "Automatic platform ARGs in the global scope" and
/// "BuildKit built-in build args".
pub const ARGUMENTS: &[KnownArgument] = &[
    global(
        "TARGETPLATFORM",
        "Platform of the result, such as `linux/arm64`.",
    ),
    global("TARGETOS", "Operating system of the result."),
    global(
        "TARGETARCH",
        "Architecture of the result, in Go's spelling.",
    ),
    global(
        "TARGETVARIANT",
        "Variant of the result's architecture, such as `v7`.",
    ),
    global(
        "TARGETOSVERSION",
        "Version of the result's operating system; Windows only.",
    ),
    global(
        "TARGETSTAGE",
        "Name of the stage that is built, or `default`.",
    ),
    global("BUILDPLATFORM", "Platform of the machine that builds."),
    global("BUILDOS", "Operating system of the machine that builds."),
    global("BUILDARCH", "Architecture of the machine that builds."),
    global(
        "BUILDVARIANT",
        "Variant of the building machine's architecture.",
    ),
    global(
        "BUILDOSVERSION",
        "Version of the building machine's operating system; Windows only.",
    ),
    command("HTTP_PROXY"),
    command("http_proxy"),
    command("HTTPS_PROXY"),
    command("https_proxy"),
    command("FTP_PROXY"),
    command("ftp_proxy"),
    command("NO_PROXY"),
    command("no_proxy"),
    command("ALL_PROXY"),
    command("all_proxy"),
    setting(
        "SOURCE_DATE_EPOCH",
        "Seconds since 1970 that every time in the image is set to.",
    ),
    setting(
        "BUILDKIT_SYNTAX",
        "Front end to use in place of the one `# syntax=` names.",
    ),
    setting(
        "BUILDKIT_INLINE_CACHE",
        "Puts cache information into the image's config.",
    ),
    setting(
        "BUILDKIT_CONTEXT_KEEP_GIT_DIR",
        "Keeps the `.git` folder of a git context.",
    ),
    setting(
        "BUILDKIT_DOCKERFILE_CHECK",
        "Options for the check rules, as in `# check=`.",
    ),
    setting(
        "BUILDKIT_MULTI_PLATFORM",
        "Gives the result the form of several platforms even when it has one.",
    ),
    setting("BUILDKIT_SANDBOX_HOSTNAME", "Host name that `RUN` sees."),
    setting(
        "BUILDKIT_SBOM_SCAN_CONTEXT",
        "Lists the software of the build context too.",
    ),
    setting(
        "BUILDKIT_SBOM_SCAN_STAGE",
        "Lists the software of these stages too.",
    ),
];

const fn global(name: &'static str, doc: &'static str) -> KnownArgument {
    KnownArgument {
        name,
        reach: Reach::Global,
        doc,
    }
}

const fn command(name: &'static str) -> KnownArgument {
    KnownArgument {
        name,
        reach: Reach::Commands,
        doc: "Proxy for the commands of `RUN`; not part of the image or of the cache's key unless `ARG` declares it.",
    }
}

const fn setting(name: &'static str, doc: &'static str) -> KnownArgument {
    KnownArgument {
        name,
        reach: Reach::Setting,
        doc,
    }
}

/// The argument called `name`.
pub fn find(name: &str) -> Option<&'static KnownArgument> {
    ARGUMENTS.iter().find(|p| p.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::platform::Platform;
    use crate::model::scope::{Scope, is_setting};
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn the_global_ones_are_those_every_file_starts_with() {
        let linux = Platform::new("linux", "amd64", "");
        let scope = Scope::predefined(&linux, &linux, "", &BTreeMap::new());
        let given: BTreeSet<&str> = scope.iter().map(|(name, _)| name).collect();
        let global = ARGUMENTS.iter().filter(|a| a.reach == Reach::Global);
        assert_eq!(given, global.map(|a| a.name).collect());
        assert!(
            ARGUMENTS
                .iter()
                .filter(|a| is_setting(a.name))
                .all(|a| a.reach == Reach::Setting)
        );
    }
}
