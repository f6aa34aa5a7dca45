//! A package manager's downloads are kept between builds in a cache mount.
//!
//! What would throw the cache away again is taken out: the clean-up behind the installation, `--no-cache` flags, and
//! the hook by which Debian's images delete packages after each installation.

use super::chain::Chain;
use super::{Action, ActionKind, Cursor, comments_in, line_break};
use crate::instructions::Kind;
use crate::lints::subject::is_root;
use crate::shell::packages::{Cache, Call, Manager, call, only_cleans};
use crate::shell::{Command, Joint, Snippet};
use crate::syntax::{Keyword, Node};
use crate::text::TextRange;
use bstr::ByteSlice;

pub(super) fn offer(cursor: &Cursor<'_>, out: &mut Vec<Action>) {
    let Some((_, node)) = cursor.node_of(Keyword::Run) else {
        return;
    };
    let Some(snippet) = cursor.script() else {
        return;
    };
    let commands = snippet.script.commands();
    let managers = each_once(commands.iter().filter_map(fetcher), |a, b| {
        std::ptr::eq(*a, *b)
    });
    // Managers of one distribution share theirs.
    let caches = managers.iter().flat_map(|manager| manager.caches);
    let caches = each_once(
        caches.filter(|cache| is_missing(cursor, node, cache)),
        |a, b| a.target == b.target,
    );
    if caches.is_empty() {
        return;
    }
    let names: Vec<&str> = caches.iter().map(|cache| cache.target).collect();
    let title = format!("keep {} in a cache mount", names.join(" and "));
    let mut edits = vec![mounts(cursor, node, &caches, &keepers(snippet, &managers))];
    for manager in managers {
        edits.extend(no_cache_flags(cursor, snippet, manager));
    }
    edits.extend(clean_ups(cursor, snippet));
    edits.sort_by_key(|(range, _)| range.start);
    out.push(Action::new(ActionKind::Rewrite, title, edits));
}

/// The items without those that are the same as one in front of them.
fn each_once<T>(items: impl Iterator<Item = T>, is_same: impl Fn(&T, &T) -> bool) -> Vec<T> {
    let mut once: Vec<T> = Vec::new();
    for item in items {
        if !once.iter().any(|known| is_same(known, &item)) {
            once.push(item);
        }
    }
    once
}

/// Tells whether a cache can be mounted and is not yet.
fn is_missing(cursor: &Cursor<'_>, node: &Node, cache: &Cache) -> bool {
    let mut flags = cursor
        .file
        .parse()
        .piece_texts(cursor.file.source(), &node.flags);
    let mounted = flags.any(|flag| flag.contains_str(cache.target));
    let elsewhere = cache.home && runs_as_user(cursor, node);
    !mounted && !elsewhere
}

/// Tells whether the last `USER` in front of a line, in its stage or those that it is built upon, is somebody else than
/// root.
fn runs_as_user(cursor: &Cursor<'_>, node: &Node) -> bool {
    let names = cursor.file.names();
    let Some(stage) = names.stage_at(node.range.start) else {
        return false;
    };
    let above = || {
        let all = cursor.file.instructions();
        all.take_while(|instruction| instruction.range.start < node.range.start)
    };
    let last_user = |stage| {
        let users = above().filter_map(|instruction| match &instruction.kind {
            Kind::User(name) => Some((instruction.range.start, name)),
            _ => None,
        });
        let of_stage = users.filter(|(start, _)| names.stage_at(*start) == Some(stage));
        of_stage.last().map(|(_, name)| name)
    };
    let user = names.chain(stage).find_map(last_user);
    user.is_some_and(|name| !is_root(&name.text))
}

/// The manager that a command downloads packages with.
fn fetcher(command: &Command) -> Option<&'static Manager> {
    let call = call(command).filter(Call::fetches)?;
    Some(call.manager)
}

/// The flags, each on a line of its own, and the commands that make them useful.
fn mounts(
    cursor: &Cursor<'_>,
    node: &Node,
    caches: &[&Cache],
    keepers: &[&str],
) -> (TextRange, String) {
    let break_line = line_break(cursor.file);
    let mut text = String::new();
    for cache in caches {
        text += &format!("--mount={} {break_line}", cache.mount());
    }
    for command in keepers {
        text += &format!("{command} && {break_line}");
    }
    let start = cursor.file.parse().text_range(node.argument_text).start;
    (TextRange::new(start, start), text)
}

/// What lets the image keep downloads, as far as the script does not do so and another command can stand in front.
fn keepers(snippet: &Snippet, managers: &[&Manager]) -> Vec<&'static str> {
    let script = &snippet.script;
    let is_chain = Chain::new(script).is_some_and(|chain| chain.is_joined_by(Joint::And));
    let keepers = managers.iter().filter_map(|manager| manager.keeps);
    let file = |keeper: &'static str| keeper.rsplit('/').next().unwrap_or(keeper);
    let missing = keepers.filter(|keeper| is_chain && !script.text().contains_str(file(keeper)));
    each_once(missing, |a, b| a == b)
}

/// Takes the flags out that keep a manager from using its cache.
fn no_cache_flags(
    cursor: &Cursor<'_>,
    snippet: &Snippet,
    manager: &Manager,
) -> Vec<(TextRange, String)> {
    let commands = snippet.script.commands().iter();
    let own = commands
        .filter(|command| fetcher(command).is_some_and(|found| std::ptr::eq(found, manager)));
    own.flat_map(Command::args)
        .filter(|word| manager.no_cache.iter().any(|flag| word.is(flag)))
        .map(|word| {
            let mut range = snippet.source_range(word.range);
            let behind = cursor
                .file
                .text(TextRange::new(range.end, cursor.file.source().len() as u32));
            range.end += behind.iter().take_while(|b| **b == b' ').count() as u32;
            (range, String::new())
        })
        .collect()
}

/// Takes the parts of a chain out that only clean up.
fn clean_ups(cursor: &Cursor<'_>, snippet: &Snippet) -> Vec<(TextRange, String)> {
    let script = &snippet.script;
    let Some(chain) = Chain::new(script).filter(|chain| chain.is_joined_by(Joint::And)) else {
        return Vec::new();
    };
    let only_cleans = |part: &TextRange| {
        let mut commands = script
            .commands()
            .iter()
            .filter(|command| part.start <= command.range.start && command.range.end <= part.end);
        commands.clone().next().is_some() && commands.all(only_cleans)
    };
    let mut edits: Vec<(TextRange, String)> = Vec::new();
    for pair in chain.parts.windows(2) {
        let range = TextRange::new(
            snippet.source_range(pair[0]).end,
            snippet.source_range(pair[1]).end,
        );
        if only_cleans(&pair[1]) && comments_in(cursor.file, range).is_empty() {
            edits.push((range, String::new()));
        }
    }
    edits
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, check_not};

    #[test]
    fn apt_keeps_lists_and_packages() {
        check(
            "keep /var/cache/apt and /var/lib/apt",
            "FROM a\nRUN ‸apt-get update && apt-get install -y b \\\n    && apt-get clean \\\n    && rm -rf /var/lib/apt/lists/*\n",
            "FROM a\nRUN --mount=type=cache,target=/var/cache/apt,sharing=locked \\\n    --mount=type=cache,target=/var/lib/apt,sharing=locked \\\n    rm -f /etc/apt/apt.conf.d/docker-clean && \\\n    apt-get update && apt-get install -y b\n",
        );
    }

    #[test]
    fn flags_that_keep_from_caching_go() {
        check(
            "keep /etc/apk/cache",
            "FROM a\nRUN ‸apk add --no-cache b\n",
            "FROM a\nRUN --mount=type=cache,target=/etc/apk/cache,sharing=locked \\\n    apk add b\n",
        );
        check(
            "keep /root/.cache/pip",
            "FROM a\nUSER root\nRUN --network=host ‸pip install --no-cache-dir -r b.txt\n",
            "FROM a\nUSER root\nRUN --network=host --mount=type=cache,target=/root/.cache/pip \\\n    pip install -r b.txt\n",
        );
    }

    #[test]
    fn what_managers_share_is_mounted_once() {
        check(
            "keep /etc/apk/cache and /root/.cache/pip",
            "FROM a\nRUN ‸apk add --no-cache b && pip install c && apk add --no-cache d\n",
            "FROM a\nRUN --mount=type=cache,target=/etc/apk/cache,sharing=locked \\\n    --mount=type=cache,target=/root/.cache/pip \\\n    apk add b && pip install c && apk add d\n",
        );
        check(
            "keep /var/cache/apt and /var/lib/apt",
            "FROM a\nRUN ‸apt-get upgrade -y && apt install -y b\n",
            "FROM a\nRUN --mount=type=cache,target=/var/cache/apt,sharing=locked \\\n    --mount=type=cache,target=/var/lib/apt,sharing=locked \\\n    rm -f /etc/apt/apt.conf.d/docker-clean && \\\n    apt-get upgrade -y && apt install -y b\n",
        );
    }

    #[test]
    fn not_twice_and_not_in_another_home() {
        check_not(
            "keep",
            "FROM a\nRUN --mount=type=cache,target=/root/.npm ‸npm ci\n",
        );
        check_not("keep", "FROM a\nUSER b\nRUN ‸npm ci\n");
        check_not("keep", "FROM a AS x\nUSER b\nFROM x\nRUN ‸npm ci\n");
        check_not("keep", "FROM a\nRUN ‸npm test\n");
        check(
            "keep /go/pkg/mod in",
            "FROM a\nUSER b\nRUN ‸go build ./...\n",
            "FROM a\nUSER b\nRUN --mount=type=cache,target=/go/pkg/mod \\\n    go build ./...\n",
        );
    }
}
