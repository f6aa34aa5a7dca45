use super::*;
use expect_test::{Expect, expect};
use std::fmt::Write as _;

/// Every token with its type, one line of text a line.
#[track_caller]
fn check(source: &str, expected: &Expect) {
    let file = File::new(source.as_bytes().to_vec());
    let all = tokens(&file, None);
    assert!(
        all.windows(2).all(|w| w[0].range.end <= w[1].range.start),
        "{all:?}"
    );
    let mut out = String::new();
    let mut line = 0;
    for token in all {
        let (number, _) = file.lines().line_column(token.range.start);
        let gap = if number > line { "\n" } else { " " };
        line = number;
        let text = file.text(token.range).to_str_lossy();
        let more = if token.modifiers == Modifiers::default() {
            ""
        } else {
            "*"
        };
        write!(out, "{gap}{}{more}:{text}", token.kind.name()).unwrap();
    }
    expected.assert_eq(out.trim_start());
}

#[test]
fn instructions_and_their_parts() {
    check(
        "# escape=\\\nFROM --platform=$P r.io/a/b:1@sha256:2 as c\nARG X=\"a $Y\" Z\nLABEL k='v' \\\n  # c\n  l=m\nEXPOSE 80/tcp $P\nMAINTAINER x\n",
        &expect![[r#"
            comment:# property:escape operator:= parameter:\
            keyword:FROM parameter:--platform operator:= variable:$P namespace:r.io/a/ class:b property:1 property:sha256:2 keyword:as class*:c
            keyword:ARG variable*:X operator:= string:"a  variable:$Y string:" variable*:Z
            keyword:LABEL property*:k operator:= string:'v' macro:\
            comment:# c
            property*:l operator:= parameter:m
            keyword:EXPOSE number:80 property:/tcp variable:$P
            keyword*:MAINTAINER parameter:x"#]],
    );
    check(
        "COPY --from=a --chown=$U <<EOF [x] /y\nbody\nEOF\nHEALTHCHECK --interval=3s cmd [\"a\", \"b\"]\nONBUILD RUN --mount=type=bind,from=s,source=$x a\nENV A ${B:-c d}\n",
        &expect![[r#"
            keyword:COPY parameter:--from operator:= class:a parameter:--chown operator:= variable:$U operator:<< label:EOF parameter:[x] parameter:/y
            string:body
            label:EOF
            keyword:HEALTHCHECK parameter:--interval operator:= property:3s keyword:cmd operator:[ string:"a" operator:, string:"b" operator:]
            keyword:ONBUILD keyword:RUN parameter:--mount operator:= parameter:type operator:= property:bind parameter:from operator:= class:s parameter:source operator:= variable:$x function:a
            keyword:ENV variable*:A variable:${B operator::- string:c string:d variable:}"#]],
    );
}

#[test]
fn shell_text() {
    check(
        "RUN --mount=type=cache,target=/x set -e; if [ -n \"$A b\" ]; then \\\n  # why\n  echo ${B:-c} 'd' | e > f; fi # end\nRUN <<EOF\nfor i in 1 2; do\n  f \"$i\"\ndone\nEOF\nCMD it's broken\n",
        &expect![[r#"
            keyword:RUN parameter:--mount operator:= parameter:type operator:= property:cache parameter:target operator:= property:/x function:set property:-e operator:; keyword:if operator:[ operator:-n string:" variable:$A string: b" operator:] operator:; keyword:then macro:\
            comment:# why
            function:echo variable:${B:-c} string:'d' operator:| function:e operator:> parameter:f operator:; keyword:fi comment:# end
            keyword:RUN operator:<< label:EOF
            keyword:for variable:i keyword:in number:1 number:2 operator:; keyword:do
            function:f string:" variable:$i string:"
            keyword:done
            label:EOF
            keyword:CMD parameter:it string:'s broken"#]],
    );
}

#[test]
fn other_languages_in_here_documents() {
    check(
        "RUN <<EOF\n#!/usr/bin/env python3\nprint(\"\"\"a\nb\"\"\", 1) # c\nEOF\nRUN node - <<EOF && x\nconst a = `b\nc`; /* d\ne */\nEOF\nCOPY <<EOF /etc/a.json\n{\"a\": [1, true]}\nEOF\n",
        &expect![[r#"
            keyword:RUN operator:<< label:EOF
            comment:#!/usr/bin/env python3
            string:"""a
            string:b""" number:1 comment:# c
            label:EOF
            keyword:RUN function:node operator:<< label:EOF operator:&& function:x
            keyword:const string:`b
            string:c` comment:/* d
            comment:e */
            string:EOF
            keyword:COPY operator:<< label:EOF parameter:/etc/a.json
            string:"a" number:1 keyword:true
            label:EOF"#]],
    );
}

#[test]
fn variables_in_files_that_are_written_out() {
    check(
        "COPY <<A <<'B' /x/\na $x \\$y ${z:-w}.\nA\n$x\nB\nADD <<E /a.json\n{\"a\": \"b $x\", $y: 1}\nE\nONBUILD COPY <<E /\n$x\nE\n",
        &expect![[r#"
            keyword:COPY operator:<< label:A operator:<< string:'B' parameter:/x/
            string:a  variable:$x string: \$y  variable:${z:-w} string:.
            label:A
            string:$x
            label:B
            keyword:ADD operator:<< label:E parameter:/a.json
            string:"a" string:"b  variable:$x string:" variable:$y number:1
            label:E
            keyword:ONBUILD keyword:COPY operator:<< label:E parameter:/
            variable:$x
            label:E"#]],
    );
}

#[test]
fn a_range_is_a_part_of_the_whole() {
    let file = File::new(b"FROM a\n# b\nRUN c\nRUN d\n".to_vec());
    let all = tokens(&file, None);
    let part = tokens(&file, Some(TextRange::new(8, 13)));
    assert_eq!(part, all[2..5]);
}

#[test]
fn one_replacement_leads_from_one_list_to_another() {
    assert_eq!(delta(&[1, 2], &[1, 2]), None);
    for (old, new) in [
        (vec![1, 1], vec![1, 1, 1]),
        (vec![], vec![1]),
        (vec![1, 2, 3], vec![3]),
    ] {
        let found = delta(&old, &new).unwrap();
        let mut list = old.clone();
        list.splice(found.start..found.start + found.deleted, found.inserted);
        assert_eq!(list, new);
    }
}
