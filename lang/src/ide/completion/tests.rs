use super::*;
use crate::ide::surroundings::{ImageFacts, Memory, Nowhere};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Texts of what is offered at `|`, the likely ones first.
fn texts(marked: &str, around: &dyn Surroundings, style: Style) -> Vec<String> {
    let offset = marked.find('|').unwrap();
    let file = File::new(marked.replacen('|', "", 1).into_bytes());
    let mut items = complete(&file, offset as u32, around, style).items;
    items.sort_by_key(|item| item.rank);
    items.into_iter().map(|item| item.text).collect()
}

fn plain(marked: &str) -> Vec<String> {
    texts(marked, &Nowhere, Style::Plain)
}

fn has(marked: &str, wanted: &[&str]) {
    let found = plain(marked);
    for text in wanted {
        assert!(
            found.iter().any(|f| f == text),
            "{marked:?}: no {text} in {found:?}"
        );
    }
}

fn lacks(marked: &str, unwanted: &[&str]) {
    let found = plain(marked);
    for text in unwanted {
        assert!(
            !found.iter().any(|f| f == text),
            "{marked:?}: {text} in {found:?}"
        );
    }
}

#[test]
fn instructions_are_those_that_may_stand_there() {
    assert_eq!(plain("|"), ["ARG", "FROM"]);
    has(
        "FROM a\n|",
        &["RUN", "HEALTHCHECK", "HEALTHCHECK NONE", "ONBUILD"],
    );
    lacks("FROM a\nONBUILD |", &["FROM", "ONBUILD", "MAINTAINER"]);
    assert_eq!(plain("FROM a\nONBUILD ONBUILD |"), Vec::<String>::new());
    assert_eq!(plain("FR\\\nO|"), ["OM"]);
}

#[test]
fn flags_are_offered_once() {
    assert_eq!(
        plain("FROM a\nADD --chown=x --ch|"),
        ["--checksum=", "--chmod="]
    );
    has("FROM a\nRUN --mount=type=ssh --|", &["--mount="]);
    has("FROM a\nCOPY --link=|", &["true", "false"]);
    has("FROM a\nRUN --network=|", &["none", "host", "default"]);
    assert_eq!(plain("FROM a\nCOPY a --|"), Vec::<String>::new());
}

#[test]
fn mounts_have_the_keys_of_their_type() {
    has("FROM a\nRUN --mount=|", &["type=", "target=", "readonly"]);
    lacks("FROM a\nRUN --mount=|", &["sharing=", "env=", "size="]);
    has(
        "FROM a\nRUN --mount=type=cache,|",
        &["sharing=", "id=", "target="],
    );
    lacks(
        "FROM a\nRUN --mount=type=cache,target=/x,|",
        &["target=", "type=", "required"],
    );
    lacks("FROM a\nRUN --mount=type=cache,dst=/x,|", &["target="]);
    assert_eq!(
        plain("FROM a\nRUN --mount=type=cache,sharing=l|"),
        ["locked"]
    );
    assert_eq!(plain("FROM a\nRUN --mount=type=s|"), ["secret", "ssh"]);
    has(
        "FROM a\nRUN --mount=type=cache,id=pip,target=/x b\nRUN --mount=type=cache,id=|",
        &["pip"],
    );
    has(
        "FROM a\nRUN --mount=type=secret,id=token a\nRUN --mount=type=secret,id=|",
        &["token"],
    );
}

#[test]
fn stages_are_the_earlier_ones() {
    let text = "FROM a AS one\nFROM b\nFROM one AS three\n";
    assert_eq!(plain(&format!("{text}COPY --from=|")), ["1", "one"]);
    has(&format!("{text}FROM |"), &["three", "one", "scratch"]);
    assert_eq!(plain(&format!("{text}RUN --mount=from=|")), ["one"]);
    let text = "FROM a AS One\nFROM b AS one\nFROM c AS Two\nFROM d\n";
    assert_eq!(plain(&format!("{text}COPY --from=|")), ["Two", "one"]);
    has(&format!("{text}FROM |"), &["two", "one"]);
}

#[test]
fn images_and_tags_come_from_the_surroundings() {
    let around = Memory {
        images: vec!["debian:12", "alpine:3.22"],
        tags: vec![("alpine", &["3.22", "3.21"])],
        ..Memory::default()
    };
    let found = texts("FROM al|", &around, Style::Plain);
    assert_eq!(found[0], "alpine:3.22");
    assert!(!found.iter().any(|t| t == "alpine"));
    let found = texts("FROM alpine:|", &around, Style::Plain);
    assert_eq!(found, ["alpine:3.22", "alpine:3.21"]);
    let found = texts("ARG B=alpine\nFROM ${B}:|", &around, Style::Plain);
    assert_eq!(found, ["${B}:3.22", "${B}:3.21"]);
    let found = texts("ARG B\nFROM $B:|", &around, Style::Plain);
    assert!(found.is_empty(), "{found:?}");
    let found = texts("FROM a\nCOPY --from=alpine:3.2|", &around, Style::Plain);
    assert_eq!(found, ["alpine:3.22", "alpine:3.21"]);
    let file = File::new(b"FROM alpine:".to_vec());
    assert!(complete(&file, 12, &around, Style::Plain).incomplete);
    let facts = ImageFacts {
        reference: "alpine".to_owned(),
        digest: "sha256:ab".to_owned(),
        ..ImageFacts::default()
    };
    let around = Memory {
        facts: Some(Arc::new(facts)),
        ..Memory::default()
    };
    let found = texts("FROM alpine@|", &around, Style::Plain);
    assert_eq!(found, ["alpine@sha256:ab"]);
}

#[test]
fn paths_are_those_of_the_files_meant() {
    let around = Memory {
        paths: vec![
            "app/main.py",
            "app/lib/x.py",
            "README.md",
            "before:srv/www/index.html",
            "0:out/app",
        ],
        ..Memory::default()
    };
    let at = |marked: &str| texts(marked, &around, Style::Plain);
    let only = |marked: &str, wanted: &[&str]| {
        let mut found = at(marked);
        found.retain(|t| !t.starts_with("--"));
        assert_eq!(found, wanted, "{marked}");
    };
    only("FROM a\nCOPY |", &["app/", "README.md"]);
    only("FROM a\nCOPY app/|", &["main.py", "lib/"]);
    only("FROM a\nCOPY ./app/l|", &["lib/"]);
    only("FROM a\nCOPY [\"app/m|\"]", &["main.py"]);
    only("FROM a\nFROM b\nCOPY --from=0 out/|", &["app"]);
    only("FROM a\nWORKDIR /srv\nCOPY x w|", &["www/"]);
    only("FROM a\nWORKDIR /srv\nCOPY x /s|", &["/srv/", "srv/"]);
    only("FROM a\nWORKDIR /s|", &["srv/"]);
    only(
        "FROM a\nRUN --mount=type=bind,source=app/|",
        &["main.py", "lib/"],
    );
    only("FROM a\nCOPY ../|", &[]);
    only("FROM a\nRUN ls /srv/|", &["www/"]);
    only("FROM a\nCMD [\"x\", \"/srv/|\"]", &["www/"]);
}

#[test]
fn variables_have_their_value() {
    let file = File::new(b"FROM a\nARG V=1\nENV W=$V.2\nEXPOSE ${".to_vec());
    let items = complete(&file, 36, &Nowhere, Style::Plain).items;
    let shown: Vec<_> = items.iter().map(|i| (&*i.label, &*i.detail)).collect();
    assert_eq!(shown, [("${V}", "1"), ("${W}", "1.2"), ("${PATH}", "")]);
    has("FROM a\nARG VER=1\nRUN echo $V|", &["$VER"]);
    has("FROM a\nARG V=1\nEXPOSE ${V|", &["}", ":-", "${V}"]);
    has("FROM a\nARG V=1\nEXPOSE ${V|}", &["${V"]);
    has("FROM a\nARG V=1\nEXPOSE ${V:|", &[":-", ":+", ":?"]);
    has(
        "FROM --platform=$|",
        &["${BUILDPLATFORM}", "${TARGETPLATFORM}"],
    );
    lacks("FROM a\nEXPOSE $|", &["${BUILDPLATFORM}", "${HTTP_PROXY}"]);
    has("FROM a\nRUN <<E\necho $|\nE\n", &["${HTTP_PROXY}"]);
    has("FROM a\nRUN --mount=type=cache,id=$|", &["${PATH}"]);
    for marked in [
        "FROM a\nENV A='$|",
        "FROM a\nCMD [\"$|\"]",
        "FROM a\nCOPY --from=$|",
        "FROM a\nRUN --mount=from=$|",
        "FROM a\nCOPY <<'E' /x\n$|\nE\n",
    ] {
        assert_eq!(plain(marked), Vec::<String>::new(), "{marked}");
    }
}

#[test]
fn comments_offer_directives_and_rules() {
    assert_eq!(plain("# |"), ["syntax=", "escape=", "check="]);
    assert_eq!(plain("# escape=`\n# |"), ["syntax=", "check="]);
    assert_eq!(plain("# escape=|"), ["`", "\\"]);
    has("# check=|", &["skip=", "error=true"]);
    has("# check=skip=StageNameCasing,Un|", &["UndefinedVar"]);
    lacks(
        "# check=skip=StageNameCasing,|",
        &["StageNameCasing", "all"],
    );
    lacks("FROM a\n# check=|\nRUN b", &["error=true"]);
    assert_eq!(plain("FROM a\n# hadolint ig|\nRUN b"), ["hadolint ignore="]);
    has("FROM a\n# hadolint ignore=|\nRUN b", &["DL4000"]);
    assert_eq!(plain("FROM a\n# hello |\nRUN b"), Vec::<String>::new());
}

#[test]
fn short_lists_are_complete() {
    has("FROM a\nEXPOSE 80|", &["8080", "80"]);
    assert_eq!(plain("FROM a\nEXPOSE 80/|"), ["tcp", "udp", "sctp"]);
    has("FROM a\nSTOPSIGNAL |", &["SIGTERM", "SIGRTMIN"]);
    has("FROM a\nHEALTHCHECK |", &["CMD", "NONE", "--interval="]);
    has("FROM a\nHEALTHCHECK |--interval=3s", &["CMD", "NONE"]);
    assert_eq!(plain("FROM a\nHEALTHCHECK NONE |"), Vec::<String>::new());
    has("FROM a\nLABEL |", &["org.opencontainers.image.source="]);
    has("ARG A=1\nFROM a\nARG |", &["A", "TARGETARCH"]);
    has("FROM a\nENV A=1 PYTHON|", &["PYTHONUNBUFFERED="]);
    assert_eq!(plain("FROM a\nENV A |"), Vec::<String>::new());
    has("FROM alp|", &["alpine"]);
    has("FROM a\nUSER |", &["root"]);
    let around = Memory {
        users: vec![("app", 10001)],
        programs: vec!["curl", "cat"],
        ..Memory::default()
    };
    let found = texts("FROM a\nCOPY --chown=app:|", &around, Style::Plain);
    assert_eq!(found, ["app"]);
    let found = texts("FROM a\nRUN set -e && c|", &around, Style::Plain);
    assert_eq!(found, ["curl", "cat"]);
    let found = texts("FROM a\nCMD c|", &around, Style::Plain);
    assert_eq!(found, ["curl", "cat"]);
    assert_eq!(
        texts("FROM a\nRUN echo c|", &around, Style::Plain),
        Vec::<String>::new()
    );
}

#[test]
fn idioms_belong_to_the_base() {
    let found = texts("FROM alpine:3.22\nRUN |", &Nowhere, Style::Snippets);
    let place = |part: &str| found.iter().position(|t| t.contains(part)).unwrap();
    assert!(place("apk add") < place("apt-get"));
}

/// Fragments that together reach every place.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let known: &[&[u8]] = &[
        b"FROM a AS b\n",
        b"RUN ",
        b"COPY --from=",
        b"ONBUILD ",
        b"ENV A=1 ",
        b"ARG ",
        b"HEALTHCHECK ",
        b"USER ",
        b"LABEL ",
        b"EXPOSE ",
        b"\\\n",
        b"`\n",
        b"# escape=`\n",
        b"# check=skip=",
        b"# hadolint ignore=",
        b"\n",
        b"\r\n",
        b" ",
        b"--mount=type=cache,",
        b"--",
        b"[\"a\", ",
        b"<<EOF",
        b"EOF\n",
        b"=",
        b"$A",
        b"${A:",
        b"\xff",
        b"\xc3\xa9",
        b"\xe2\x80\x83",
        b"\xef\xbb\xbf",
        b"/",
        b",",
        b"x",
        b"'",
        b"\"",
    ];
    prop_oneof![
        9 => prop::sample::select(known).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..4)
    ]
}

/// At every offset: answers, edits on the line of the offset that end at it, ranges inside the text.
fn ask_everywhere(source: &[u8]) {
    let file = File::new(source.to_vec());
    let len = source.len() as u32;
    for offset in 0..=len + 1 {
        // Inside a line end the place is the end of the line.
        let ends = |at: &u32| {
            source[*at as usize..offset.min(len) as usize]
                .iter()
                .all(|b| *b == b'\r')
        };
        let at = (0..=offset.min(len))
            .rev()
            .take_while(ends)
            .last()
            .unwrap_or(len);
        for style in [Style::Plain, Style::Snippets] {
            let items = complete(&file, offset, &Nowhere, style).items;
            let different: BTreeSet<_> = items.iter().map(|i| &i.label).collect();
            assert_eq!(different.len(), items.len(), "{items:?}");
            for item in items {
                assert!(item.edit.start <= item.edit.end, "{item:?}");
                assert!((at..=offset).contains(&item.edit.end), "{item:?}");
                assert!(!file.text(item.edit).contains(&b'\n'), "{item:?}");
            }
        }
        if let Some(found) = crate::ide::hover::hover(&file, offset, &Nowhere) {
            let place = offset.min(len);
            assert!(
                found.range.start <= place && place <= found.range.end,
                "{offset} {found:?}"
            );
            assert!(found.range.end <= len);
        }
        for found in crate::ide::signature::signatures(&file, offset) {
            let active = &found.parameters[found.active];
            assert!(found.label.get(active.label.clone()).is_some());
        }
    }
}

#[test]
fn invalid_text_on_an_earlier_line_is_no_trouble() {
    ask_everywhere(b"FROM a\nFR\xff\xff\\\nO");
    ask_everywhere(b"FROM a\nCOPY x\xff\\\n/y z");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered(source in prop::collection::vec(any::<u8>(), 0..60)) {
        ask_everywhere(&source);
    }

    #[test]
    fn any_mixture_is_answered(parts in prop::collection::vec(fragment(), 0..14)) {
        ask_everywhere(&parts.concat());
    }
}
