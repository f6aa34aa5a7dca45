//! What a text points at outside the file: pages of images, URLs, files of the build context.

use super::names::SymbolKind;
use super::{File, mount};
use crate::model::reference::{DEFAULT_DOMAIN, Reference};
use crate::model::url;
use crate::syntax::directive::Name;
use crate::syntax::{Keyword, Node, Spelled, heredoc};
use crate::text::TextRange;
use bstr::{BStr, ByteSlice};
use std::ops::Range;

/// A text that leads somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The text.
    pub range: TextRange,
    /// Where it leads.
    pub target: LinkTarget,
}

/// Where a link leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkTarget {
    /// A web page.
    Url(String),
    /// A path below the build context, without a slash in front. It may not be there.
    ContextPath(String),
}

/// The links of a file, in the order of the text.
///
/// ```
/// use cooperage_lang::ide::{File, links::{LinkTarget, links}};
/// let file = File::new(b"FROM node:20\nCOPY app/main.js /\n".to_vec());
/// let found = links(&file);
/// assert_eq!(found[0].target, LinkTarget::Url("https://hub.docker.com/_/node/".into()));
/// assert_eq!(found[1].target, LinkTarget::ContextPath("app/main.js".into()));
/// ```
pub fn links(file: &File) -> Vec<Link> {
    let mut links = Links {
        file,
        found: Vec::new(),
    };
    links.front_end();
    links.bases();
    links.copied_images();
    file.parse()
        .nodes()
        .iter()
        .for_each(|node| links.instruction(node));
    links
        .found
        .sort_by_key(|link| (link.range.start, link.range.end));
    links.found
}

struct Links<'a> {
    file: &'a File,
    found: Vec<Link>,
}

impl Links<'_> {
    /// The image of `# syntax=`.
    fn front_end(&mut self) {
        let directives = self.file.parse().directives().iter();
        for directive in directives.filter(|d| d.name == Name::Syntax) {
            let range = directive.value_range;
            self.image(self.file.text(range).as_bstr(), range);
        }
    }

    /// Images behind `FROM`, their variables replaced by the defaults of the arguments.
    fn bases(&mut self) {
        let (file, parse) = (self.file, self.file.parse());
        let mut globals = None;
        for stage in file.names().stages().iter().filter(|s| s.base.is_none()) {
            let node = &parse.nodes()[stage.nodes.start as usize];
            let Some(base) = parse.pieces(&node.args).first() else {
                continue;
            };
            let text = parse.text(file.source(), base.text);
            if text.find_byte(b'$').is_none() {
                self.image(text, base.range);
                continue;
            }
            let globals = globals.get_or_insert_with(|| file.names().globals(file));
            match globals.expand(text) {
                Some(expanded) => self.computed_image(text, expanded.as_bstr(), base.range),
                None => self.unknown_tag(text, base.range),
            }
        }
    }

    /// Images that are copied or mounted from.
    fn copied_images(&mut self) {
        let names = self.file.names();
        for occurrence in names.occurrences() {
            let symbol = names.symbol_of(occurrence);
            if symbol.kind == SymbolKind::Source {
                self.image(symbol.name.as_bstr(), occurrence.range);
            }
        }
    }

    fn image(&mut self, text: &BStr, range: TextRange) {
        if let Some((url, name_len)) = page(text) {
            // The tag is no part of what the page is about.
            let as_written = range.len() as usize == text.len();
            self.named(url, as_written.then_some(name_len), range);
        }
    }

    /// An image whose text holds variables: its name alone when that is written out.
    fn computed_image(&mut self, written: &BStr, expanded: &BStr, range: TextRange) {
        if let Some((url, name_len)) = page(expanded) {
            let plain = written.find_byte(b'$').unwrap_or(written.len());
            let as_written = range.len() as usize == written.len() && (name_len as usize) < plain;
            self.named(url, as_written.then_some(name_len), range);
        }
    }

    /// An image whose name is written out, while its tag or digest is up to the build.
    fn unknown_tag(&mut self, written: &BStr, range: TextRange) {
        let Some((plain, behind)) = written.split_once_str("$") else {
            return;
        };
        // In front of a `/` the colon is that of a port.
        let name_ends = name_len(plain) < plain.len() && !behind.contains(&b'/');
        if let Some((url, name_len)) = page(plain.as_bstr()).filter(|_| name_ends) {
            let as_written = range.len() as usize == written.len();
            self.named(url, as_written.then_some(name_len), range);
        }
    }

    /// Links the name of that many bytes at the front, or all of it.
    fn named(&mut self, url: String, name_len: Option<u32>, range: TextRange) {
        let end = name_len.map_or(range.end, |len| range.start + len);
        self.add(TextRange::new(range.start, end), LinkTarget::Url(url));
    }

    fn instruction(&mut self, node: &Node) {
        let node = self.file.parse().innermost(node);
        match node.known {
            Some(Keyword::Copy | Keyword::Add) => self.sources(node),
            Some(Keyword::Run) => self.mounts(node),
            _ => {}
        }
    }

    fn sources(&mut self, node: &Node) {
        let (parse, source) = (self.file.parse(), self.file.source());
        let elsewhere = parse
            .piece_texts(source, &node.flags)
            .any(|flag| flag.starts_with(b"--from=") && flag.len() > 7);
        let Some((_, sources)) = parse.pieces(&node.args).split_last() else {
            return;
        };
        for argument in sources {
            let text = parse.spelled_argument(source, node, argument);
            let all = 0..text.bytes().len();
            let is_document = !node.json && matches!(heredoc::opener(text.bytes()), Ok(Some(_)));
            if !is_document && !self.url(&text, all.clone()) && !elsewhere {
                self.context_path(&text, all);
            }
        }
    }

    /// Sources of bind mounts that name nothing else to mount from.
    fn mounts(&mut self, node: &Node) {
        let (parse, source) = (self.file.parse(), self.file.source());
        for flag in parse.pieces(&node.flags) {
            let text = parse.spelled_flag(source, node, flag);
            if !text.bytes().starts_with(b"--mount=") {
                continue;
            }
            let fields = mount::fields(text.bytes(), 8..text.bytes().len());
            let value = |key: &str| {
                let field = fields.iter().rev().find(|f| f.key == key);
                field
                    .and_then(|f| f.value.clone())
                    .filter(|v| !v.is_empty())
            };
            let is_bind =
                value("type").is_none_or(|v| text.bytes()[v].eq_ignore_ascii_case(b"bind"));
            if let (true, None, Some(path)) = (
                is_bind,
                value("from"),
                value("source").or_else(|| value("src")),
            ) {
                self.context_path(&text, path);
            }
        }
    }

    /// Tells whether the text is a URL.
    fn url(&mut self, text: &Spelled<'_>, part: Range<usize>) -> bool {
        let Ok(written) = std::str::from_utf8(&text.bytes()[part.clone()]) else {
            return false;
        };
        if !url::is_http(written) {
            return false;
        }
        if !written.contains('$') {
            // What follows the mark of a git source is for the builder.
            let page = written.split(".git#").next().unwrap_or(written);
            self.add(text.range(part), LinkTarget::Url(page.to_owned()));
        }
        true
    }

    /// A path that names one file or folder below the context.
    fn context_path(&mut self, text: &Spelled<'_>, part: Range<usize>) {
        let path = &text.bytes()[part.clone()];
        let is_pattern = path.find_byteset(b"*?[\\$'\"`").is_some();
        let is_remote = path.find(b"://").is_some() || path.starts_with(b"git@");
        let Ok(path) = std::str::from_utf8(path) else {
            return;
        };
        let names: Vec<&str> = path
            .split('/')
            .filter(|n| !matches!(*n, "" | "."))
            .collect();
        if !is_pattern && !is_remote && !names.is_empty() && !names.contains(&"..") {
            self.add(text.range(part), LinkTarget::ContextPath(names.join("/")));
        }
    }

    fn add(&mut self, range: TextRange, target: LinkTarget) {
        self.found.push(Link { range, target });
    }
}

/// The page of an image, and the bytes of its name. Tag and digest do not matter, since they may be half typed.
fn page(image: &BStr) -> Option<(String, u32)> {
    let name = std::str::from_utf8(&image[..name_len(image)]).ok()?;
    let reference = Reference::parse_normalized(name).ok()?;
    Some((page_of(&reference)?, name.len() as u32))
}

/// Bytes of an image's text in front of its tag and digest.
fn name_len(image: &[u8]) -> usize {
    let image = &image[..image.find_byte(b'@').unwrap_or(image.len())];
    let last = image.rfind_byte(b'/').map_or(0, |at| at + 1);
    let colon = image[last..].find_byte(b':');
    colon.map_or(image.len(), |at| last + at)
}

/// The page that shows an image to people; `None` for registries without such pages.
fn page_of(image: &Reference) -> Option<String> {
    let (domain, path) = (image.domain.as_str(), image.path.as_str());
    let (owner, rest) = path.split_once('/').unwrap_or(("", path));
    let page = match domain {
        DEFAULT_DOMAIN if owner == "library" => format!("https://hub.docker.com/_/{rest}/"),
        DEFAULT_DOMAIN => format!("https://hub.docker.com/r/{path}/"),
        "mcr.microsoft.com" => format!("https://mcr.microsoft.com/artifact/mar/{path}"),
        _ if owner.is_empty() => return None,
        "ghcr.io" => {
            let repository = rest.split('/').next().unwrap_or(rest);
            let package = rest.replace('/', "%2F");
            format!("https://github.com/{owner}/{repository}/pkgs/container/{package}")
        }
        "quay.io" => format!("https://quay.io/repository/{path}"),
        "public.ecr.aws" => format!("https://gallery.ecr.aws/{path}"),
        "registry.gitlab.com" => format!("https://gitlab.com/{path}"),
        "nvcr.io" => format!("https://catalog.ngc.nvidia.com/orgs/{owner}/containers/{rest}"),
        "cgr.dev" => format!("https://images.chainguard.dev/directory/image/{rest}/overview"),
        "gcr.io" => format!("https://gcr.io/{path}"),
        _ if domain.ends_with(".gcr.io") || domain.ends_with("-docker.pkg.dev") => {
            format!("https://{domain}/{path}")
        }
        _ => return None,
    };
    Some(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `text -> target` of every link; targets in the context begin with `./`.
    fn shown(text: &str) -> Vec<String> {
        let file = File::new(text.as_bytes().to_vec());
        let show = |link: Link| {
            let text = file.text(link.range).as_bstr().to_string();
            match link.target {
                LinkTarget::Url(url) => format!("{text} -> {url}"),
                LinkTarget::ContextPath(path) => format!("{text} -> ./{path}"),
            }
        };
        links(&file).into_iter().map(show).collect()
    }

    #[test]
    fn images_lead_to_their_pages() {
        for (image, expected) in [
            ("node:20", Some("node -> https://hub.docker.com/_/node/")),
            (
                "docker.io/grafana/loki:3@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                Some("docker.io/grafana/loki -> https://hub.docker.com/r/grafana/loki/"),
            ),
            (
                "ghcr.io/o/r/p:1",
                Some("ghcr.io/o/r/p -> https://github.com/o/r/pkgs/container/r%2Fp"),
            ),
            (
                "public.ecr.aws/x/y",
                Some("public.ecr.aws/x/y -> https://gallery.ecr.aws/x/y"),
            ),
            (
                "eu.gcr.io/p/i",
                Some("eu.gcr.io/p/i -> https://eu.gcr.io/p/i"),
            ),
            ("localhost:5000/x", None),
            (
                "scratch",
                Some("scratch -> https://hub.docker.com/_/scratch/"),
            ),
            ("node:", Some("node -> https://hub.docker.com/_/node/")),
            ("node@", Some("node -> https://hub.docker.com/_/node/")),
            (
                "node@sha256:abc",
                Some("node -> https://hub.docker.com/_/node/"),
            ),
            (":20", None),
            ("No:Such:Thing", None),
        ] {
            let expected: Vec<_> = expected.into_iter().collect();
            assert_eq!(shown(&format!("FROM {image}\n")), expected);
        }
    }

    #[test]
    fn variables_of_a_base_take_their_defaults() {
        assert_eq!(
            shown("ARG V=20\nFROM node:$V\nARG B\nFROM $B\n"),
            ["node -> https://hub.docker.com/_/node/"]
        );
        for unknown in ["node:$W", "node:${W}", "node:1${W:-x}", "node@$W"] {
            assert_eq!(
                shown(&format!("FROM {unknown}\n")),
                ["node -> https://hub.docker.com/_/node/"]
            );
        }
        for unknown in ["$W", "node$W", "a/$W", "localhost:$W/a"] {
            assert!(shown(&format!("FROM {unknown}\n")).is_empty());
        }
        assert_eq!(
            shown("ARG B=redis:7\nFROM ${B}\n"),
            ["${B} -> https://hub.docker.com/_/redis/"]
        );
    }

    #[test]
    fn sources_lead_into_the_context_or_to_their_url() {
        assert_eq!(
            shown(concat!(
                "# syntax=docker/dockerfile:1\n",
                "FROM scratch AS a\n",
                "COPY ./app/ *.txt $x ../up <<E /x/\nE\n",
                "COPY --from=a /b /\n",
                "COPY --from=redis:7 /b /\n",
                "ADD https://example.org/a.tar https://github.com/o/r.git#main:sub /\n",
                "RUN --mount=type=bind,source=lock.json,target=/l --mount=type=cache,source=c,target=/c ls\n",
                "ONBUILD COPY [\"one file\", \"/\"]\n",
            )),
            [
                "docker/dockerfile -> https://hub.docker.com/r/docker/dockerfile/",
                "scratch -> https://hub.docker.com/_/scratch/",
                "./app/ -> ./app",
                "redis -> https://hub.docker.com/_/redis/",
                "https://example.org/a.tar -> https://example.org/a.tar",
                "https://github.com/o/r.git#main:sub -> https://github.com/o/r",
                "lock.json -> ./lock.json",
                "one file -> ./one file",
            ]
        );
    }
}
