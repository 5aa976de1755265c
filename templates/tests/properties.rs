//! Whatever the template, rendering ends without a panic; some things hold of all values.

use proptest::prelude::*;
use sealed_secrets_templates::{ErrorKind, Values, render};

/// Pieces that make up templates, valid and not.
fn piece() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "{{",
        "}}",
        "{{-",
        "-}}",
        "{{- ",
        " -}}",
        "/*",
        "*/",
        "(",
        ")",
        "|",
        ".",
        "$",
        "$x",
        ":=",
        "=",
        ",",
        " ",
        "\n",
        "\"",
        "`",
        "'",
        "\\",
        "if ",
        "else",
        "end",
        "range ",
        "with ",
        "define ",
        "block ",
        "template ",
        "break",
        "continue",
        "nil",
        "true",
        ".a",
        ".b.c",
        "upper ",
        "printf ",
        "list ",
        "dict ",
        "index ",
        "0x1p-2",
        "1_000",
        "1e9",
        "-3",
        "1i",
        "'a'",
        "\"%d\"",
        "\u{e9}",
        "\u{2603}",
        "\0",
        "add ",
        "until ",
        "toJson ",
        "eq ",
        "and ",
        "or ",
        "len ",
        "set ",
        "{{end}}",
        "{{else}}",
        "{{ . }}",
        "{{range .}}",
        "{{if .a}}",
    ])
    .prop_map(str::to_owned);
    prop_oneof![6 => words, 1 => ".{0,6}"]
}

fn values() -> Values {
    Values::from([
        ("a".to_owned(), b"\xff value \"<&>".to_vec()),
        ("b".to_owned(), Vec::new()),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_template_of_pieces_panics(pieces in prop::collection::vec(piece(), 0..40)) {
        let _ = render("t", &pieces.concat(), &values());
    }

    #[test]
    fn no_text_panics(template in any::<String>()) {
        let _ = render("t", &template, &values());
    }

    #[test]
    fn text_without_actions_renders_as_it_is(text in "[^{]*") {
        prop_assert_eq!(render("t", &text, &values()).unwrap(), text.as_bytes());
    }

    #[test]
    fn a_value_renders_as_it_is(value in prop::collection::vec(any::<u8>(), 0..200)) {
        let values = Values::from([("v".to_owned(), value.clone())]);
        prop_assert_eq!(render("t", "{{ .v }}", &values).unwrap(), value);
    }

    #[test]
    fn encodings_are_undone(value in prop::collection::vec(any::<u8>(), 0..200)) {
        let values = Values::from([("v".to_owned(), value.clone())]);
        for template in ["{{ .v | b64enc | b64dec }}", "{{ .v | b32enc | b32dec }}", "{{ .v | encryptAES \"k\" | decryptAES \"k\" }}"] {
            prop_assert_eq!(&render("t", template, &values).unwrap(), &value);
        }
    }

    #[test]
    fn no_expression_panics(pattern in "[a-c.*+?(){}|\\[\\]\\\\^$0-9pPLxQEz:<>-]{0,20}", text in "[a-c\u{e9}\n]{0,12}") {
        let values = Values::from([("p".to_owned(), pattern.into_bytes()), ("t".to_owned(), text.into_bytes())]);
        for template in ["{{ regexFindAll .p .t -1 }}", "{{ regexReplaceAll .p .t \"$1\" }}", "{{ regexSplit .p .t 3 }}"] {
            let _ = render("t", template, &values);
        }
    }

    #[test]
    fn no_function_panics_on_bytes(a in prop::collection::vec(any::<u8>(), 0..24), b in any::<i64>(), c in any::<f64>(), which in 0..FUNCTIONS.len()) {
        let values = Values::from([("a".to_owned(), a)]);
        let name = FUNCTIONS[which];
        for arguments in [
            String::new(), ".a".into(), ".a .a".into(), ".a .a .a".into(), format!("{b}"), format!("{b} .a"), format!(".a {b}"), format!(".a .a {b}"),
            format!("{b} {b}"), format!("{b} {b} .a"), format!("{b} {b} {b}"), format!("(float64 \"{c}\")"), format!(".a {b} .a"), format!("{b} (list .a {b})"),
            "(list .a)".into(), "(list .a) (list .a)".into(), ".a (list .a)".into(), "(dict .a .a)".into(), "(dict .a .a) .a".into(), ".".into(), "nil".into(),
            "nil nil".into(), "(dict .a .a) (dict .a .a)".into(), format!("(float64 \"{c}\") {}", b % 400), ".a nil nil 1".into(), format!("(list .a) {b} {}", b % 9),
        ] {
            let _ = render("t", &format!("{{{{ {name} {arguments} }}}}"), &values);
        }
    }
}

/// Those that don't take long.
const FUNCTIONS: &[&str] = &[
    "abbrev",
    "abbrevboth",
    "add",
    "addf",
    "adler32sum",
    "append",
    "atoi",
    "b32dec",
    "b64dec",
    "base",
    "biggest",
    "buildCustomCert",
    "camelcase",
    "cat",
    "ceil",
    "chunk",
    "clean",
    "coalesce",
    "compact",
    "concat",
    "contains",
    "date",
    "dateInZone",
    "decryptAES",
    "deepCopy",
    "deepEqual",
    "default",
    "dict",
    "dig",
    "dir",
    "div",
    "divf",
    "duration",
    "durationRound",
    "empty",
    "encryptAES",
    "eq",
    "ext",
    "first",
    "float64",
    "floor",
    "fromJson",
    "get",
    "has",
    "hasKey",
    "html",
    "indent",
    "index",
    "initial",
    "initials",
    "int",
    "join",
    "js",
    "kebabcase",
    "kindOf",
    "last",
    "len",
    "list",
    "lt",
    "max",
    "maxf",
    "merge",
    "mergeOverwrite",
    "min",
    "mod",
    "mul",
    "mulf",
    "nindent",
    "nospace",
    "omit",
    "pick",
    "pluck",
    "plural",
    "prepend",
    "print",
    "printf",
    "quote",
    "randAlpha",
    "randBytes",
    "randInt",
    "regexFindAll",
    "regexMatch",
    "regexReplaceAll",
    "regexSplit",
    "repeat",
    "replace",
    "rest",
    "reverse",
    "round",
    "semver",
    "semverCompare",
    "seq",
    "set",
    "shuffle",
    "slice",
    "snakecase",
    "sortAlpha",
    "split",
    "splitList",
    "splitn",
    "squote",
    "sub",
    "substr",
    "swapcase",
    "ternary",
    "title",
    "toDate",
    "toDecimal",
    "toJson",
    "toPrettyJson",
    "toString",
    "toStrings",
    "trim",
    "trimAll",
    "trunc",
    "typeOf",
    "uniq",
    "unixEpoch",
    "until",
    "untilStep",
    "untitle",
    "upper",
    "urlJoin",
    "urlParse",
    "urlquery",
    "values",
    "without",
    "wrap",
    "wrapWith",
];

#[test]
fn errors_say_where() {
    let error = render("config.yaml", "a\n  {{ upper 5 }}", &Values::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Execution);
    assert_eq!(
        (error.template(), error.line(), error.column()),
        ("config.yaml", 2, 11)
    );
    let error = render("config.yaml", "a\n  {{ repeat -1 \"x\" }}", &Values::new()).unwrap_err();
    assert_eq!(error.function(), Some("repeat"));
    assert!(
        error
            .to_string()
            .starts_with("template: config.yaml:2:5: repeat: "),
        "{error}"
    );
    let error = render("config.yaml", "{{ nope }}", &Values::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Syntax);
    let error = render(
        "config.yaml",
        "{{ repeat 1000000000 \"x\" }}",
        &Values::new(),
    )
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
}
