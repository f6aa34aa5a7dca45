//! What names mean, and that whatever is asked of any text is answered within it.

use super::super::folding::{FoldOptions, folds};
use super::super::links::links;
use super::super::navigation::{definition, highlights, linked, references};
use super::super::rename::{renamable, rename};
use super::super::selection::selection;
use super::super::symbols::{Entry, matching, outline};
use super::super::values::inline_values;
use super::*;
use bstr::ByteSlice;
use proptest::prelude::*;

/// Reads a text in which `|` marks the cursor.
fn marked(text: &str) -> (File, u32) {
    let offset = text.find('|').expect("a mark");
    (
        File::new(text.replacen('|', "", 1).into_bytes()),
        offset as u32,
    )
}

/// `line:column` of everything that stands for what the cursor is on, lines from 0, definitions with `!`, those that
/// do not spell the name with `~`.
fn places(text: &str) -> String {
    let (file, offset) = marked(text);
    let names = file.names();
    let Some(id) = names.at(offset) else {
        return String::new();
    };
    let show = |o: &Occurrence| {
        let (line, column) = file.lines().line_column(o.range.start);
        let mark = match o.role {
            Role::Definition => "!",
            Role::Use => "",
            Role::Indirect => "~",
        };
        format!("{line}:{column}{mark}")
    };
    let all: Vec<_> = names
        .occurrences_of(names.get(id).symbol)
        .map(show)
        .collect();
    all.join(" ")
}

#[test]
fn stages_are_used_by_name_and_by_position() {
    for (text, expected) in [
        (
            "FROM a AS |B\nFROM b\nCOPY --from=B / /\nCOPY --from=0 / /\n",
            "0:10! 1:5 2:12 3:12~",
        ),
        (
            "FROM a AS b\nRUN --mount=type=bind,from=|b,target=/x ls\n",
            "0:10! 1:27",
        ),
        // A mount knows no positions, and `FROM 0` is an image.
        ("FROM a AS |b\nRUN --mount=from=0 ls\nFROM 0\n", "0:10!"),
        (
            "FROM a\nCOPY --from=|0 / /\nCOPY --from=0 / /\n",
            "1:12~ 2:12~",
        ),
        // Only an earlier stage is a base, and only under its name in small letters.
        ("FROM b\nFROM a AS |b\nFROM B\nFROM b\n", "1:10! 3:5"),
        ("ARG N=b\nFROM a AS |b\nFROM ${N}\n", "1:10! 2:5~"),
        ("FROM a AS b\nCOPY --from=\"|b\" / /\n", "0:10! 1:13"),
        (
            "FROM a\nCOPY --from=|img:1 / /\nRUN --mount=from=img:1 ls\n",
            "1:12 2:17",
        ),
    ] {
        assert_eq!(places(text), expected, "{text}");
    }
}

#[test]
fn variables_belong_to_a_stage_and_those_that_continue_it() {
    for (text, expected) in [
        (
            "FROM a AS b\nENV |X=1\nFROM c\nRUN $X\nFROM b\nRUN $X\nENV X=$X\n",
            "1:4! 5:5 6:4! 6:7",
        ),
        (
            "ARG |V=1\nFROM a:$V\nARG V\nRUN $V\nFROM b\nARG V=2\nRUN $V\n",
            "0:4! 1:8 2:4! 3:5",
        ),
        (
            "FROM --platform=$|TARGETARCH a\nARG TARGETARCH\nFROM b\nRUN $TARGETARCH\n",
            "0:17 1:4!",
        ),
        (
            "FROM a\nENV |X=1\nRUN <<E\necho ${X}\nE\nRUN cat <<'E'\n$X\nE\nCOPY <<E /\n$X\nE\n",
            "1:4! 3:7 9:1",
        ),
        (
            "FROM a\nENV |X=1\nRUN <<'E'\n#!/usr/bin/env python\n$X\nE\nRUN <<'E'\n$X\nE\n",
            "1:4! 7:1",
        ),
        (
            "FROM a\nENV |X=1\nUSER '$X'\nUSER \\$X\nRUN '$X'\nCMD [\"$X\"]\n",
            "1:4! 4:6 5:7",
        ),
        (
            "FROM a\nARG |X\nCOPY --chown=$X [\"$X\", \"/\"]\nRUN --mount=target=$X ls\n",
            "1:4! 2:14 2:19 3:20",
        ),
        // What a command sets for itself hides the variable of the Dockerfile, there only.
        (
            "FROM a\nENV |X=1\nRUN X=2; echo $X\nRUN X=3 make; echo $X\n",
            "1:4! 2:4! 2:15 3:4! 3:20",
        ),
        // The text of a file and a word for a program set nothing.
        (
            "FROM a\nENV |X=1\nRUN cat <<E >.env\nX=$X\nE\nRUN [\"make\", \"X=2\"]\nRUN [\"sh\", \"-c\", \"X=2; $X\"]\n",
            "1:4! 3:3 6:18! 6:24",
        ),
        (
            "FROM a\nRUN for |f in a; do echo $f; done\nRUN f=1; echo $f\n",
            "1:8! 1:25",
        ),
        (
            "FROM a\nRUN --mount=type=secret,id=t,env=T echo $|T\n",
            "1:33! 1:41",
        ),
        ("FROM a\nONBUILD ARG |X\nONBUILD RUN $X\n", "1:12! 2:13"),
        // A line that is being typed defines what it can.
        ("FROM a\nENV A=1 B=$A |C\nUSER $C\n", "1:13! 2:6"),
        ("FROM a\nENV |A=1 B=$A C\nUSER $A\n", "1:4! 1:11 2:6"),
        ("FROM a\nENV |A=1\nRU echo $A\n", "1:4! 2:9"),
        // Between two names the one that ends there is meant.
        ("FROM a\nENV X=1 Y=2\nUSER $X|$Y\n", "1:4! 2:6"),
        ("FROM a\nENV X=1 Y=2\nUSER $X|${Y}\n", "1:4! 2:6"),
        ("FROM a\nENV X=1 Y=2\nUSER $X:|$Y\n", "1:8! 2:9"),
    ] {
        assert_eq!(places(text), expected, "{text}");
    }
}

#[test]
fn ids_of_mounts_meet_by_kind() {
    let text = "FROM a\nRUN --mount=type=secret,id=|k --mount=type=cache,id=k,target=/k a\nRUN --mount=type=secret,src=k a\n";
    assert_eq!(places(text), "1:27 2:28");
}

#[test]
fn the_setting_in_force_comes_first() {
    let check = |text: &str, expected: &[&str]| {
        let (file, offset) = marked(text);
        let targets = definition(&file, offset).map_or(Vec::new(), |d| d.targets);
        let lines: Vec<_> = targets
            .iter()
            .map(|t| file.text(t.range).as_bstr().to_string())
            .collect();
        assert_eq!(lines, expected, "{text}");
    };
    check(
        "FROM a\nENV X=1\nENV X=2\nRUN $|X\nENV X=3\n",
        &["ENV X=2", "ENV X=1"],
    );
    check("FROM a\nENV X=1\nENV X=2 Y=$|X\n", &["ENV X=1"]);
    check("FROM a\nONBUILD ENV X=1\nRUN $|X\n", &[]);
    check(
        "FROM a\nONBUILD ARG X\nONBUILD RUN $|X\n",
        &["ONBUILD ARG X"],
    );
    check("ARG X=1\nFROM a\nARG X\nRUN $|X\n", &["ARG X", "ARG X=1"]);
    check(
        "FROM a AS b\nFROM c AS b\nCOPY --from=|b / /\n",
        &["FROM c AS b"],
    );
    check("FROM a AS b\nFROM |b\nFROM c AS b\n", &["FROM a AS b"]);
    check(
        "FROM a AS x-amd64\nFROM b AS x-arm64\nFROM c AS x-y\nFROM x|-${TARGETARCH}\n",
        &["FROM a AS x-amd64", "FROM b AS x-arm64"],
    );
    check("FROM a\nCOPY --from=|0 / /\n", &["FROM a"]);
}

#[test]
fn renaming_keeps_the_language() {
    let check = |text: &str, new: &str, expected: Result<&str, &str>| {
        let (file, offset) = marked(text);
        let result = rename(&file, offset, new).map(|edits| {
            let mut text = file.source().to_vec();
            for (range, new) in edits.iter().rev() {
                text.splice(range.start as usize..range.end as usize, new.bytes());
            }
            String::from_utf8(text).expect("the texts are")
        });
        let result = result.map_err(|e| e.to_string());
        let result = result.as_ref().map(String::as_str).map_err(String::as_str);
        assert_eq!(result, expected, "{text} {new}");
    };
    check(
        "FROM a AS |b\nFROM b\nCOPY --from=0 --chown='$x' / /\n",
        "c",
        Ok("FROM a AS c\nFROM c\nCOPY --from=0 --chown='$x' / /\n"),
    );
    check(
        "FROM a AS b\nCOPY --from=|B / /\n",
        "c",
        Ok("FROM a AS c\nCOPY --from=c / /\n"),
    );
    check(
        "RUN cat <<\"E|\"\nx\nE\n",
        "F",
        Ok("RUN cat <<\"F\"\nx\nF\n"),
    );
    check("RUN cat <<'e'|o\nx\neo\n", "F", Ok("RUN cat <<'F'\nx\nF\n"));
    check(
        "FROM a\nENV \"|x\"=1\nUSER ${x:-$x}\n",
        "y",
        Ok("FROM a\nENV \"y\"=1\nUSER ${y:-$y}\n"),
    );
    check(
        "FROM a\nEXPOSE $po\\\n|rt\n",
        "y",
        Ok("FROM a\nEXPOSE $y\n"),
    );
    for (text, new, error) in [
        (
            "FR|OM a\n",
            "b",
            "there is no name here that can be changed",
        ),
        (
            "FROM a AS |b\nFROM c\n",
            "c",
            "`c` has a meaning on line 2 already; choose another name",
        ),
        (
            "FROM a AS |b\nFROM c AS d\n",
            "d",
            "`d` has a meaning on line 2 already; choose another name",
        ),
        (
            "FROM a AS |b\n",
            "scratch",
            "`scratch` is not possible: the builder has a meaning for this name",
        ),
        (
            "FROM a\nCOPY --from=|0 / /\n",
            "b",
            "stage 0 is meant by its position; change its name at its `FROM` line",
        ),
        (
            "FROM a AS |b-arm64\nFROM b-$TARGETARCH\n",
            "c",
            "line 2 makes up the name `b-arm64` from variables; write it out there first",
        ),
        (
            "ARG N=b\nFROM a AS |b\nFROM $N\n",
            "c",
            "line 3 makes up the name `b` from variables; write it out there first",
        ),
        (
            "FROM a\nARG |x\nENV y=1\n",
            "y",
            "`y` has a meaning on line 3 already; choose another name",
        ),
        (
            "FROM a\nARG |TARGETARCH\n",
            "y",
            "the builder knows `TARGETARCH` by this name alone; leave it as it is",
        ),
        (
            "FROM a\nARG |x\n",
            "PATH",
            "`PATH` is not possible: the builder has a meaning for this name",
        ),
        (
            "FROM a\nENV |x=1\n",
            "TARGETARCH",
            "`TARGETARCH` is not possible: the builder has a meaning for this name",
        ),
        (
            "FROM a\nRUN cat <<E|\nF\nE\n",
            "F",
            "line 3 is `F` and would end the document; choose another name",
        ),
    ] {
        check(text, new, Err(error));
    }
    // The same name in a stage that has nothing to do with this one is another name.
    check(
        "FROM a\nARG |x\nFROM b\nARG y\n",
        "y",
        Ok("FROM a\nARG y\nFROM b\nARG y\n"),
    );
}

#[test]
fn values_are_those_of_the_place() {
    let check = |text: &str, expected: &[(&str, Option<&str>)]| {
        let (file, offset) = marked(text);
        let known = file.names().variables(&file, offset);
        let shown: Vec<_> = known
            .iter()
            .map(|v| (v.name.as_str(), v.value.as_deref()))
            .collect();
        assert_eq!(shown, expected, "{text}");
    };
    check(
        "ARG A=1\nARG B=${A}2\nFROM |x\n",
        &[("A", Some("1")), ("B", Some("12"))],
    );
    check(
        "ARG A=1\nFROM x\nARG B\nARG A\nRUN |\n",
        &[("B", None), ("A", Some("1"))],
    );
    check("FROM x\nENV A=1\nENV A=2 B=$A|\n", &[("A", Some("1"))]);
    check(
        "FROM x\nENV A=1\nENV A=2 B=$A\nRUN |\n",
        &[("A", Some("2")), ("B", Some("1"))],
    );
    check("FROM x\nARG A=1 B=$A|\n", &[("A", Some("1"))]);
    check(
        "FROM x\nENV PATH=/a:$PATH\nRUN |\n",
        &[("PATH", Some("/a:$PATH"))],
    );
    check(
        "FROM x AS y\nENV A='$B'\nFROM y\nUSER |\nENV D=1\n",
        &[("A", Some("$B"))],
    );
}

#[test]
fn chains_of_stages_cost_each_line_once() {
    let mut text = "FROM a AS s0\nENV X0=1\n".to_owned();
    for i in 1..5_000 {
        let base = i - 1;
        text += &format!("FROM s{base} AS s{i}\nENV X{i}=$X{base}\n");
    }
    let file = File::new(text.into_bytes());
    let all = TextRange::new(0, file.source().len() as u32);
    let values = inline_values(&file, all);
    assert!(values.len() == 4_999 && values.iter().all(|v| v.value == "1"));
    assert_eq!(file.names().variables(&file, all.end).len(), 5_000);
    assert_eq!(links(&file).len(), 1);
}

#[test]
fn long_lines_are_answered_in_time() {
    for text in [
        "ONBUILD ".repeat(20_000) + "COPY a b",
        "RUN cat ".to_owned() + &"<<A ".repeat(20_000),
        "RUN ".to_owned() + &"x=$x; ".repeat(20_000),
        "ENV ".to_owned() + &"a=$a${b:-".repeat(10_000),
        "COPY --from=b ".repeat(10_000),
        "RUN --mount=from=b,".to_owned() + &"id=a,".repeat(20_000),
    ] {
        let file = File::new(text.into_bytes());
        let end = file.source().len() as u32;
        for offset in [0, end / 2, end] {
            _ = definition(&file, offset);
            _ = selection(&file, offset);
            _ = rename(&file, offset, "zz");
        }
        _ = links(&file);
        _ = outline(&file);
        _ = inline_values(&file, TextRange::new(0, end));
    }
}

/// Fragments that together reach every way to name something.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let known: &[&[u8]] = &[
        b"FROM a AS b\n",
        b"FROM b\n",
        b"FROM $x\n",
        b"RUN ",
        b"COPY --from=",
        b"COPY ",
        b"ONBUILD ",
        b"ENV ",
        b"ARG ",
        b"--mount=type=cache,",
        b"id=",
        b"from=",
        b"LABEL ",
        b"\\\n",
        b"`\n",
        b"# escape=`\n",
        b"# syntax=",
        b"# c\n",
        b"\n",
        b"\r\n",
        b"\r",
        b" ",
        b"\t",
        b"\"",
        b"'",
        b"[\"$x\", \"\\u0024x\"]",
        b"<<E",
        b"<<-'E'",
        b"<<\"a\\b\"",
        b"E\n",
        b"=",
        b"x=$x",
        b"$x",
        b"${x:-y}",
        b"${",
        b"}",
        b"0",
        b"b",
        b"x",
        b",",
        b"\xff",
        b"\xc3\xa9",
        b"\xef\xbb\xbf",
        b"\0",
        b"https://e.org/",
        b" && ",
    ];
    prop_oneof![
        8 => prop::sample::select(known).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..4)
    ]
}

/// Asks everything at every offset; every place of an answer lies in the text.
fn ask_everything(source: Vec<u8>) {
    let file = File::new(source);
    let len = file.source().len() as u32;
    let inside = |range: TextRange| {
        assert!(
            range.start <= range.end && range.end <= len,
            "{range:?} of {len}"
        );
    };
    for offset in 0..=len {
        for target in definition(&file, offset).map_or(Vec::new(), |d| d.targets) {
            inside(target.name);
            assert!(target.range.start <= target.name.start && target.name.end <= target.range.end);
        }
        references(&file, offset, true).into_iter().for_each(inside);
        for highlight in highlights(&file, offset) {
            inside(highlight.range);
        }
        if let Some(linked) = linked(&file, offset) {
            linked.ranges.iter().for_each(|r| inside(*r));
        }
        _ = renamable(&file, offset).map(|found| inside(found.range));
        let edits = rename(&file, offset, "zz").unwrap_or_default();
        assert!(
            edits.windows(2).all(|e| e[0].0.end <= e[1].0.start),
            "edits do not overlap: {edits:?}"
        );
        let grown = selection(&file, offset);
        assert_eq!(grown.last().map(|r| r.len()), Some(len));
        assert!(
            grown
                .windows(2)
                .all(|r| r[1].cover(r[0]) == r[1] && r[0] != r[1]),
            "{grown:?}"
        );
        _ = file.names().variables(&file, offset);
    }
    for fold in folds(&file, FoldOptions::default()) {
        inside(fold.range);
        assert!(fold.first_line < fold.last_line);
    }
    for link in links(&file) {
        inside(link.range);
    }
    for value in inline_values(&file, TextRange::new(0, len)) {
        inside(value.range);
    }
    for entry in outline(&file) {
        check_entry(&entry, &inside);
    }
    assert!(matching(&file, "").len() >= outline(&file).len());
}

fn check_entry(entry: &Entry, inside: &impl Fn(TextRange)) {
    inside(entry.range);
    assert_eq!(entry.range.cover(entry.selection), entry.range, "{entry:?}");
    assert!(!entry.name.is_empty());
    for child in &entry.children {
        assert_eq!(entry.range.cover(child.range), entry.range);
        check_entry(child, inside);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered(source in prop::collection::vec(any::<u8>(), 0..100)) {
        ask_everything(source);
    }

    #[test]
    fn any_mixture_is_answered(parts in prop::collection::vec(fragment(), 0..30)) {
        ask_everything(parts.concat());
    }
}
