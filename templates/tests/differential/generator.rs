//! Random templates over all the functions whose result does not depend on chance or the clock.
//!
//! Mostly well-typed, so that most render; sometimes not, so that errors are compared too.

use sealed_secrets_templates::Values;

/// A template with its values.
pub(crate) struct Case {
    pub(crate) template: String,
    pub(crate) values: Values,
}

/// The types expressions are made for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ty {
    Str,
    Int,
    Float,
    Bool,
    List,
    Dict,
    Any,
    Time,
    Version,
    /// Literals of a kind: a layout, a regular expression, a format, and so on.
    Layout,
    Date,
    Regex,
    Format,
    Duration,
    Json,
    Url,
    Semver,
    Constraint,
    Zone,
    TypeName,
    /// A small integer.
    Small,
    /// Any number of further arguments.
    More,
}

/// Functions by signature: name, arguments, result.
const SIGNATURES: &[(&str, &str, char)] = &[
    ("upper", "S", 'S'),
    ("lower", "S", 'S'),
    ("title", "S", 'S'),
    ("untitle", "S", 'S'),
    ("trim", "S", 'S'),
    ("nospace", "S", 'S'),
    ("initials", "S", 'S'),
    ("swapcase", "S", 'S'),
    ("snakecase", "S", 'S'),
    ("camelcase", "S", 'S'),
    ("kebabcase", "S", 'S'),
    ("trimAll", "SS", 'S'),
    ("trimall", "SS", 'S'),
    ("trimSuffix", "SS", 'S'),
    ("trimPrefix", "SS", 'S'),
    ("trunc", "NS", 'S'),
    ("substr", "NNS", 'S'),
    ("repeat", "NS", 'S'),
    ("abbrev", "NS", 'S'),
    ("abbrevboth", "NNS", 'S'),
    ("wrap", "NS", 'S'),
    ("wrapWith", "NSS", 'S'),
    ("replace", "SSS", 'S'),
    ("indent", "NS", 'S'),
    ("nindent", "NS", 'S'),
    ("plural", "SSN", 'S'),
    ("toString", "A", 'S'),
    ("quote", "A*", 'S'),
    ("squote", "A*", 'S'),
    ("cat", "A*", 'S'),
    ("join", "SL", 'S'),
    ("b64enc", "S", 'S'),
    ("b64dec", "S", 'S'),
    ("b32enc", "S", 'S'),
    ("b32dec", "S", 'S'),
    ("sha1sum", "S", 'S'),
    ("sha256sum", "S", 'S'),
    ("sha512sum", "S", 'S'),
    ("adler32sum", "S", 'S'),
    ("html", "A", 'S'),
    ("js", "A", 'S'),
    ("urlquery", "A", 'S'),
    ("print", "A*", 'S'),
    ("println", "A*", 'S'),
    ("printf", "FA*", 'S'),
    ("toJson", "A", 'S'),
    ("toPrettyJson", "A", 'S'),
    ("toRawJson", "A", 'S'),
    ("mustToJson", "A", 'S'),
    ("mustToPrettyJson", "A", 'S'),
    ("mustToRawJson", "A", 'S'),
    ("typeOf", "A", 'S'),
    ("kindOf", "A", 'S'),
    ("regexFind", "RS", 'S'),
    ("mustRegexFind", "RS", 'S'),
    ("regexReplaceAll", "RSS", 'S'),
    ("regexReplaceAllLiteral", "RSS", 'S'),
    ("regexQuoteMeta", "S", 'S'),
    ("mustRegexReplaceAll", "RSS", 'S'),
    ("mustRegexReplaceAllLiteral", "RSS", 'S'),
    ("base", "S", 'S'),
    ("dir", "S", 'S'),
    ("clean", "S", 'S'),
    ("ext", "S", 'S'),
    ("osBase", "S", 'S'),
    ("osDir", "S", 'S'),
    ("osClean", "S", 'S'),
    ("osExt", "S", 'S'),
    ("urlJoin", "U", 'S'),
    ("hello", "", 'S'),
    ("date", "Yt", 'S'),
    ("dateInZone", "YtZ", 'S'),
    ("date_in_zone", "YtZ", 'S'),
    ("htmlDate", "t", 'S'),
    ("htmlDateInZone", "tZ", 'S'),
    ("duration", "A", 'S'),
    ("durationRound", "D", 'S'),
    ("unixEpoch", "t", 'S'),
    ("seq", "NNN", 'S'),
    ("seq", "NN", 'S'),
    ("seq", "N", 'S'),
    ("get", "dS", 'A'),
    ("len", "S", 'I'),
    ("len", "L", 'I'),
    ("len", "d", 'I'),
    ("atoi", "S", 'I'),
    ("int", "A", 'I'),
    ("int64", "A", 'I'),
    ("add", "A*", 'I'),
    ("add1", "A", 'I'),
    ("sub", "AA", 'I'),
    ("div", "AA", 'I'),
    ("mod", "AA", 'I'),
    ("mul", "AA*", 'I'),
    ("max", "AA*", 'I'),
    ("min", "AA*", 'I'),
    ("biggest", "AA", 'I'),
    ("toDecimal", "A", 'I'),
    ("float64", "A", 'f'),
    ("addf", "A*", 'f'),
    ("add1f", "A", 'f'),
    ("subf", "AA*", 'f'),
    ("divf", "AA", 'f'),
    ("mulf", "AA*", 'f'),
    ("maxf", "AA*", 'f'),
    ("minf", "AA*", 'f'),
    ("ceil", "A", 'f'),
    ("floor", "A", 'f'),
    ("round", "AN", 'f'),
    ("round", "ANf", 'f'),
    ("eq", "AA", 'B'),
    ("ne", "AA", 'B'),
    ("lt", "II", 'B'),
    ("le", "SS", 'B'),
    ("gt", "ff", 'B'),
    ("ge", "II", 'B'),
    ("eq", "SSS", 'B'),
    ("lt", "AA", 'B'),
    ("not", "A", 'B'),
    ("and", "AA", 'A'),
    ("or", "AA", 'A'),
    ("and", "BB", 'B'),
    ("or", "BB", 'B'),
    ("empty", "A", 'B'),
    ("all", "A*", 'B'),
    ("any", "A*", 'B'),
    ("contains", "SS", 'B'),
    ("hasPrefix", "SS", 'B'),
    ("hasSuffix", "SS", 'B'),
    ("regexMatch", "RS", 'B'),
    ("mustRegexMatch", "RS", 'B'),
    ("has", "AL", 'B'),
    ("mustHas", "AL", 'B'),
    ("hasKey", "dS", 'B'),
    ("kindIs", "KA", 'B'),
    ("typeIs", "KA", 'B'),
    ("typeIsLike", "KA", 'B'),
    ("deepEqual", "AA", 'B'),
    ("isAbs", "S", 'B'),
    ("osIsAbs", "S", 'B'),
    ("semverCompare", "CE", 'B'),
    ("list", "A*", 'L'),
    ("tuple", "A*", 'L'),
    ("append", "LA", 'L'),
    ("push", "LA", 'L'),
    ("prepend", "LA", 'L'),
    ("mustAppend", "LA", 'L'),
    ("mustPush", "LA", 'L'),
    ("mustPrepend", "LA", 'L'),
    ("rest", "L", 'L'),
    ("mustRest", "L", 'L'),
    ("initial", "L", 'L'),
    ("mustInitial", "L", 'L'),
    ("reverse", "L", 'L'),
    ("mustReverse", "L", 'L'),
    ("uniq", "L", 'L'),
    ("mustUniq", "L", 'L'),
    ("without", "LA*", 'L'),
    ("mustWithout", "LA", 'L'),
    ("compact", "L", 'L'),
    ("mustCompact", "L", 'L'),
    ("concat", "LL", 'L'),
    ("slice", "LNN", 'L'),
    ("slice", "LN", 'L'),
    ("mustSlice", "LNN", 'L'),
    ("chunk", "NL", 'L'),
    ("mustChunk", "NL", 'L'),
    ("until", "N", 'L'),
    ("untilStep", "NNN", 'L'),
    ("splitList", "SS", 'L'),
    ("sortAlpha", "L", 'L'),
    ("toStrings", "A", 'L'),
    ("regexFindAll", "RSN", 'L'),
    ("mustRegexFindAll", "RSN", 'L'),
    ("regexSplit", "RSN", 'L'),
    ("mustRegexSplit", "RSN", 'L'),
    ("pluck", "Sdd", 'L'),
    ("dict", "SASA", 'd'),
    ("dict", "SA", 'd'),
    ("set", "dSA", 'd'),
    ("unset", "dS", 'd'),
    ("pick", "dSS", 'd'),
    ("omit", "dS", 'd'),
    ("merge", "dd", 'd'),
    ("mergeOverwrite", "dd", 'd'),
    ("mustMerge", "dd", 'd'),
    ("mustMergeOverwrite", "dd", 'd'),
    ("merge", "ddd", 'd'),
    ("deepCopy", "d", 'd'),
    ("mustDeepCopy", "L", 'L'),
    ("urlParse", "U", 'd'),
    ("split", "SS", 'A'),
    ("splitn", "SNS", 'A'),
    ("default", "AA", 'A'),
    ("coalesce", "A*", 'A'),
    ("ternary", "AAB", 'A'),
    ("first", "L", 'A'),
    ("mustFirst", "L", 'A'),
    ("last", "L", 'A'),
    ("mustLast", "L", 'A'),
    ("index", "LN", 'A'),
    ("index", "dS", 'A'),
    ("index", "SN", 'A'),
    ("dig", "SAd", 'A'),
    ("dig", "SSAd", 'A'),
    ("fromJson", "J", 'A'),
    ("mustFromJson", "J", 'A'),
    ("toDate", "YX", 't'),
    ("mustToDate", "YX", 't'),
    ("dateModify", "Dt", 't'),
    ("date_modify", "Dt", 't'),
    ("mustDateModify", "Dt", 't'),
    ("must_date_modify", "Dt", 't'),
    ("semver", "E", 'V'),
];

/// Methods by receiver.
const METHODS: &[(&str, char, &str, char)] = &[
    ("Year", 't', "", 'I'),
    ("Month", 't', "", 'A'),
    ("Day", 't', "", 'I'),
    ("Weekday", 't', "", 'A'),
    ("YearDay", 't', "", 'I'),
    ("Hour", 't', "", 'I'),
    ("Unix", 't', "", 'I'),
    ("UnixNano", 't', "", 'I'),
    ("Format", 't', "Y", 'S'),
    ("String", 't', "", 'S'),
    ("UTC", 't', "", 't'),
    ("IsZero", 't', "", 'B'),
    ("Sub", 't', "t", 'A'),
    ("Before", 't', "t", 'B'),
    ("Equal", 't', "t", 'B'),
    ("AddDate", 't', "NNN", 't'),
    ("Location", 't', "", 'A'),
    ("Nanosecond", 't', "", 'I'),
    ("Major", 'V', "", 'A'),
    ("Minor", 'V', "", 'A'),
    ("Patch", 'V', "", 'A'),
    ("Prerelease", 'V', "", 'S'),
    ("Metadata", 'V', "", 'S'),
    ("Original", 'V', "", 'S'),
    ("String", 'V', "", 'S'),
    ("IncMajor", 'V', "", 'A'),
    ("IncMinor", 'V', "", 'A'),
    ("IncPatch", 'V', "", 'A'),
    ("Compare", 'V', "V", 'I'),
    ("LessThan", 'V', "V", 'B'),
    ("GreaterThan", 'V', "V", 'B'),
    ("Equal", 'V', "V", 'B'),
    ("SetPrerelease", 'V', "S", 'A'),
];

const STRINGS: &[&str] = &[
    "",
    "a",
    "abc",
    "hello world",
    "Hello World",
    "foo_bar",
    "fooBar",
    "HTTPServer2x",
    "kebab-case-x",
    "  pad  ",
    "a,b,c",
    "a.b.c",
    "x=1;y=2",
    "12",
    "-7",
    "3.14",
    "0x1f",
    "010",
    "1e3",
    "true",
    "1_000",
    "12.0",
    "héllo wörld",
    "☃",
    "straße ŉ ǆ",
    "İI",
    "日本語 text",
    "line1\nline2\n",
    "tab\there",
    "q\"uote's",
    "<a href='x'>&</a>",
    "back\\slash",
    "/usr/local/bin",
    "a/../b/./c//d/",
    "file.tar.gz",
    "/",
    "..",
    "aGVsbG8=",
    "aGVsbG8",
    "NBSWY3DP",
    "!!!",
    "$1 ${x} $$",
    "%d%%",
    "Zażółć gęślą jaźń",
    "\u{a0}nbsp\u{2003}",
    "e\u{301}",
    "ALL_CAPS_HERE",
    "2x4",
    "bld4Floor3rd",
    "a  b   c",
    "_x_",
    "the quick brown fox jumps over the lazy dog",
    "💚 heart",
    "a\u{0}b",
    "name",
    "key",
    "x",
    "y",
];
const LAYOUTS: &[&str] = &[
    "2006-01-02",
    "2006-01-02T15:04:05Z07:00",
    "Mon Jan _2 15:04:05 2006",
    "02/01/06 03:04PM",
    "January 2, 2006",
    "15:04:05.000",
    "2006-01-02 15:04:05 -0700 MST",
    "Jan 2 2006 at 3:04pm (MST)",
    "2006",
    "002 __2",
    "06 1 2 3 4 5",
    "2006-01-02T15:04:05.999999999Z07:00",
    "20060102150405",
    "Monday",
    "x2006y",
];
const DATES: &[&str] = &[
    "2020-02-29",
    "2021-12-31",
    "2023-01-01T12:34:56Z",
    "2023-06-15T23:59:59+05:30",
    "Mon Jan  2 15:04:05 2006",
    "1999",
    "31/12/99 11:59PM",
    "January 5, 2010",
    "2021-13-01",
    "garbage",
    "2023-03-26 01:30:00 +0100 CET",
    "20210203040506",
    "12:34:56.789",
];
const REGEXES: &[&str] = &[
    "a",
    "[a-z]+",
    r"\d+",
    r"(\w+)\s(\w+)",
    "^h",
    "o$",
    "(?i)HELLO",
    "x*",
    "",
    "(a|b)c?",
    r"\bw",
    r"[^a-z]",
    "(?P<n>l+)",
    "a{2,3}",
    "(",
    "a**",
    r"\p{L}+",
    r"\p{Greek}",
    "[[:alpha:]]+",
    ".",
    "(?s).",
    "(?m)^l",
    "(a*)*",
    "(a*?)b",
    r"\Qa.b\E",
    r"[\d\-x]",
    "a{1001}",
    r"\x{263a}",
    "l|ll",
    "(?U)l+",
    "(?i-s:É)",
    r"\pN",
    r"\PL+",
    "[a-",
    r"\8",
    "(?<m>o)",
    "z?",
    r"[\s,]+",
    "(?:)",
    "^",
    "$",
    r"\B",
];
const FORMATS: &[&str] = &[
    "%s",
    "%d",
    "%v",
    "%q",
    "%5d|",
    "%-8s|",
    "%08.3f",
    "%x",
    "%X",
    "%+d",
    "%e",
    "%g",
    "%t",
    "%c",
    "%U",
    "%#v",
    "%+v",
    "%T",
    "%%",
    "%6.2f%%",
    "%s=%v",
    "%[2]v %[1]v",
    "%*d",
    "%.3s",
    "%q %q",
    "% x",
    "%#x",
    "%o",
    "%b",
    "%08b",
    "%z",
    "%!",
    "%",
    "%[5]d",
    "%+q",
    "%#q",
    "%.2e",
    "%G",
    "%#U",
    "%s %s %s",
    "x",
    "%-5t|",
    "%3c|",
    "%#o",
    "%O",
    "%v %d",
    "%.0f",
    "%5.1f|",
    "%+.3g",
    "%w",
    "%#g",
    "% d",
    "%05d",
    "%-05d|",
    "%+x",
    "%.10v",
];
const DURATIONS: &[&str] = &[
    "1h", "-1h30m", "90s", "1.5h", "2h10m5s", "x", "100ms", "1us", "0", "8760h1s", "3µs", ".5m",
    "1d",
];
const JSONS: &[&str] = &[
    "{}",
    "[]",
    "null",
    "true",
    "1",
    "1.5e3",
    "\"s\"",
    "{\"a\":1,\"b\":[1,2,{\"c\":null}]}",
    "[1,\"two\",3.0,false]",
    "{\"a\":{\"b\":{\"c\":\"deep\"}}}",
    "{bad",
    "[1,]",
    "\"\\u00e9\\ud83d\\ude00\\ud800\"",
    " [ 1 , 2 ] ",
    "1e400",
    "{\"z\":1,\"a\":2,\"m\":1e21}",
    "[1e400,1]",
    "-0",
    "01",
    "\"<&>\"",
    "[[],{},\"\"]",
    "123456789",
    "1e-7",
];
const URLS: &[&str] = &[
    "https://user:pa%20ss@example.com:8443/p/a?q=1&r=2#frag",
    "/a/b?c=d",
    "mailto:x@y.z",
    "http://[::1]:80/",
    "http://h/%zz",
    "//host/path",
    "a:b",
    "",
    "postgres://u@db/x",
    "http://a b/",
    "http://ex.com/a%2Fb?x#y%20z",
    "HTTP://EX.com",
    "http://h?",
    "*",
    "http://h:p/",
    "ftp://h/é",
];
const VERSIONS: &[&str] = &[
    "1.2.3",
    "v1.2",
    "1",
    "2.0.0-rc.1",
    "1.2.3+meta",
    "1.2.3-alpha.1+b",
    "0.0.1",
    "x",
    "1.02.3",
    "10.0.0",
    "1.2.3-01",
];
const CONSTRAINTS: &[&str] = &[
    "^1.2.0",
    "~1.2",
    ">=1.0.0, <2",
    "1.x",
    "*",
    "=1.2.3",
    "!=1.2.3",
    "1.2 - 1.4",
    ">1 || <0.5",
    "^0.0.1",
    "~>1",
    "foo",
    "^1.2.0-0",
    ">1.2",
    "<=1.x",
    "!=1.2.x",
    "",
    "1.2.3 2.0.0",
];
const ZONES: &[&str] = &[
    "UTC",
    "Local",
    "America/New_York",
    "Europe/Paris",
    "Asia/Kolkata",
    "Nowhere/None",
    "",
    "europe/paris",
];
const TYPES: &[&str] = &[
    "string",
    "int",
    "int64",
    "float64",
    "slice",
    "map",
    "bool",
    "[]interface {}",
    "time.Time",
    "struct",
    "ptr",
    "semver.Version",
    "invalid",
    "<nil>",
];
const INTS: &[&str] = &[
    "0",
    "1",
    "2",
    "-1",
    "7",
    "42",
    "100",
    "255",
    "-300",
    "1000000",
    "9223372036854775807",
    "-9223372036854775808",
    "0x10",
    "'a'",
    "1_000",
    "3000000000",
];
const SMALLS: &[&str] = &["0", "1", "2", "3", "4", "5", "7", "10", "-1", "-2", "-5"];
const FLOATS: &[&str] = &[
    "0.0",
    "1.5",
    "-2.25",
    "3.14159",
    "1e6",
    "1e21",
    "1e-7",
    "0.1",
    "123456.789",
    "-0.5",
    "2.5",
    "1e100",
    "100.0",
];
const NAMES: &[&str] = &[
    "a", "b", "name", "csv", "num", "uni", "json", "nope", "multi", "bin", "special", "empty",
];

/// A generator of its own, the same on every machine.
pub(crate) struct Generator {
    state: u64,
}

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
        }
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    /// The next case.
    pub(crate) fn case(&mut self) -> Case {
        let values = [
            ("a", &b"alpha"[..]),
            ("b", b"5432"),
            ("name", b"world"),
            ("csv", b"x,y,,z"),
            ("num", b"-12.50"),
            ("uni", "h\u{e9}llo \u{2603} w\u{f6}rld".as_bytes()),
            ("json", b"{\"k\":[1,2,{\"n\":null}],\"s\":\"v\"}"),
            ("multi", b"one\ntwo\n\nthree\n"),
            ("bin", b"\xff\xfe\x00\x80abc\xc3"),
            ("special", b"a\"b\\c'd<e>&f`g=h"),
            ("empty", b""),
        ];
        let values = values
            .into_iter()
            .map(|(k, v)| (k.to_owned(), v.to_vec()))
            .collect();
        let mut template = String::new();
        for _ in 0..=self.below(3) {
            let statement = self.statement(3, &mut Vec::new());
            template.push_str(&statement);
        }
        if self.one_in(6) {
            template = self.damaged(&template);
        }
        Case { template, values }
    }

    /// The template with a few pieces taken out or put in, most often no longer one.
    pub(crate) fn damaged(&mut self, template: &str) -> String {
        const PIECES: &[&str] = &[
            "{{",
            "}}",
            "-",
            " ",
            "(",
            ")",
            "|",
            ".",
            "$",
            "\"",
            "`",
            "/*",
            "*/",
            "{{end}}",
            "{{else}}",
            ":=",
            "=",
            ",",
            "1.",
            "0x",
            "'a'",
            "nil",
            "\n",
            "{{- ",
            " -}}",
            "{{/* c */}}",
            "{{break}}",
            "{{continue}}",
            "\\",
            "\u{e9}",
            "{{define \"d\"}}",
            "{{template \"d\" .}}",
            "$x",
            ".a",
            "true",
            "1i",
            "0b1",
            "1_0",
            "&",
            "{{ .a",
            "upper",
        ];
        let mut characters: Vec<char> = template.chars().collect();
        for _ in 0..=self.below(3) {
            let at = self.below(characters.len() + 1);
            if self.one_in(2) {
                let end = (at + 1 + self.below(4)).min(characters.len());
                characters.drain(at..end);
            } else {
                let piece = self.pick(PIECES);
                characters.splice(at..at, piece.chars());
            }
        }
        characters.into_iter().collect()
    }

    fn body(&mut self, depth: usize, variables: &mut Vec<String>) -> String {
        let known = variables.len();
        let mut out = String::new();
        for _ in 0..=self.below(2) {
            out.push_str(&self.statement(depth, variables));
        }
        variables.truncate(known);
        out
    }

    fn statement(&mut self, depth: usize, variables: &mut Vec<String>) -> String {
        let trim = |g: &mut Self| {
            if g.one_in(8) {
                ("{{- ", " -}}")
            } else {
                ("{{ ", " }}")
            }
        };
        let (open, close) = trim(self);
        let deeper = depth.saturating_sub(1);
        match if depth == 0 { 0 } else { self.below(14) } {
            1 => format!("text {} ", self.pick(STRINGS).replace("{{", "")),
            2 => {
                let condition = self.any(2, variables);
                let (then, otherwise) =
                    (self.body(deeper, variables), self.body(deeper, variables));
                if self.one_in(2) {
                    format!("{open}if {condition}{close}{then}{{{{else}}}}{otherwise}{{{{end}}}}")
                } else {
                    let second = self.any(1, variables);
                    format!(
                        "{open}if {condition}{close}{then}{{{{ else if {second} }}}}{otherwise}{{{{end}}}}"
                    )
                }
            }
            3 => {
                let value = self.any(2, variables);
                let inside = self.body(deeper, variables);
                format!("{open}with {value}{close}<{inside}{{{{ . }}}}>{{{{else}}}}none{{{{end}}}}")
            }
            4 | 5 => {
                let of = match self.below(4) {
                    // No variables: one may hold a number that would take for ever.
                    0 => self.expression(Ty::Dict, 2, &mut Vec::new()),
                    1 => self.pick(SMALLS).to_owned(),
                    2 => self.expression(Ty::Float, 1, &mut Vec::new()),
                    _ => self.expression(Ty::List, 2, &mut Vec::new()),
                };
                let (index, item) = (format!("$i{depth}"), format!("$v{depth}"));
                let known = variables.len();
                variables.push(index.clone());
                variables.push(item.clone());
                let inside = self.body(deeper, variables);
                variables.truncate(known);
                let stop = if self.one_in(6) { "{{ break }}" } else { "" };
                if self.one_in(4) {
                    format!(
                        "{open}range {of}{close}[{{{{ . }}}}]{stop}{{{{else}}}}empty{{{{end}}}}"
                    )
                } else {
                    format!(
                        "{open}range {index}, {item} := {of}{close}{{{{ {index} }}}}:{inside};{stop}{{{{end}}}}"
                    )
                }
            }
            6 | 7 => {
                let value = self.any(2, variables);
                let name = format!("$x{}", variables.len());
                variables.push(name.clone());
                format!("{open}{name} := {value}{close}")
            }
            8 if !variables.is_empty() => {
                let value = self.any(2, variables);
                let name = variables[self.below(variables.len())].clone();
                format!("{open}{name} = {value}{close}")
            }
            9 => {
                let value = self.any(2, variables);
                let inside = self.body(deeper, &mut Vec::new());
                format!(
                    "{open}block \"b{}\" {value}{close}({{{{ . }}}}{inside}){{{{end}}}}",
                    self.below(1000)
                )
            }
            10 => {
                let first = self.any(1, variables);
                let through = self.pick(&[
                    "upper",
                    "quote",
                    "toJson",
                    "len",
                    "default \"d\"",
                    "printf \"%v\"",
                    "typeOf",
                    "trim | quote",
                    "list",
                    "b64enc",
                    "html",
                    "int",
                    "join \",\"",
                    "toString | trunc 5",
                    "index . | print",
                    "not",
                    "and 1",
                    "or 0",
                    "eq 1",
                    "sha256sum",
                    "empty",
                    "first",
                    "sortAlpha",
                    "kindOf",
                ]);
                format!("{open}{first} | {through}{close}")
            }
            _ => format!("{open}{}{close}", self.any(3, variables)),
        }
    }

    fn any(&mut self, depth: usize, variables: &mut Vec<String>) -> String {
        let ty = [
            Ty::Str,
            Ty::Int,
            Ty::Float,
            Ty::Bool,
            Ty::List,
            Ty::Dict,
            Ty::Any,
            Ty::Time,
            Ty::Version,
            Ty::Str,
            Ty::Any,
            Ty::Str,
        ][self.below(12)];
        self.expression(ty, depth, variables)
    }

    fn argument(&mut self, ty: Ty, depth: usize, variables: &mut Vec<String>) -> String {
        // Now and then of another type.
        let ty = if !needs_its_type(ty) && self.one_in(40) {
            Ty::Any
        } else {
            ty
        };
        let text = self.expression(ty, depth, variables);
        if text.contains(' ') && !text.starts_with(['"', '`']) {
            format!("({text})")
        } else {
            text
        }
    }

    fn expression(&mut self, ty: Ty, depth: usize, variables: &mut Vec<String>) -> String {
        if !needs_its_type(ty) && self.one_in(50) {
            return "nil".to_owned();
        }
        if !needs_its_type(ty) && !variables.is_empty() && self.one_in(9) {
            return variables[self.below(variables.len())].clone();
        }
        let literal = match ty {
            Ty::Layout => LAYOUTS,
            Ty::Date => DATES,
            Ty::Regex => REGEXES,
            Ty::Format => FORMATS,
            Ty::Duration => DURATIONS,
            Ty::Json => JSONS,
            Ty::Url => URLS,
            Ty::Semver => VERSIONS,
            Ty::Constraint => CONSTRAINTS,
            Ty::Zone => ZONES,
            Ty::TypeName => TYPES,
            Ty::Small => return self.pick(SMALLS).to_owned(),
            _ => &[],
        };
        if !literal.is_empty() {
            if ty == Ty::Url && self.one_in(2) {
                return format!("urlParse {}", quoted(self.pick(URLS)));
            }
            return quoted(self.pick(literal));
        }
        if depth == 0 || self.one_in(4) {
            return self.leaf(ty, variables);
        }
        if self.one_in(7) {
            return self.method(ty, depth, variables);
        }
        let wanted = letter(ty);
        let fitting: Vec<_> = SIGNATURES
            .iter()
            .filter(|(_, _, result)| wanted == 'A' || *result == wanted)
            .collect();
        let (name, arguments, _) = fitting[self.below(fitting.len())];
        let mut out = (*name).to_owned();
        self.arguments(&mut out, arguments, depth, variables);
        out
    }

    fn arguments(
        &mut self,
        out: &mut String,
        arguments: &str,
        depth: usize,
        variables: &mut Vec<String>,
    ) {
        let mut last = Ty::Any;
        for argument in arguments.chars().map(ty) {
            let times = if argument == Ty::More {
                self.below(3)
            } else {
                1
            };
            if argument != Ty::More {
                last = argument;
            }
            for _ in 0..times {
                out.push(' ');
                let text = self.argument(last, depth - 1, variables);
                out.push_str(&text);
            }
        }
        if self.one_in(60) {
            out.push_str(" 1");
        }
    }

    fn method(&mut self, wanted: Ty, depth: usize, variables: &mut Vec<String>) -> String {
        let fitting: Vec<_> = METHODS
            .iter()
            .filter(|(_, _, _, result)| letter(wanted) == 'A' || *result == letter(wanted))
            .collect();
        if fitting.is_empty() {
            return self.leaf(wanted, variables);
        }
        let (name, receiver, arguments, _) = fitting[self.below(fitting.len())];
        let receiver = self.expression(ty(*receiver), depth - 1, variables);
        let mut out = format!("({receiver}).{name}");
        self.arguments(&mut out, arguments, depth, variables);
        out
    }

    fn leaf(&mut self, ty: Ty, variables: &[String]) -> String {
        match ty {
            Ty::Str if self.one_in(3) => format!(".{}", self.pick(NAMES)),
            Ty::Str => quoted(self.pick(STRINGS)),
            Ty::Int => self.pick(INTS).to_owned(),
            Ty::Float => self.pick(FLOATS).to_owned(),
            Ty::Bool => self.pick(&["true", "false"]).to_owned(),
            Ty::List => self
                .pick(&[
                    "list",
                    "(list 1 2 3)",
                    "(list \"a\" \"b\" \"\" nil 2.5)",
                    "(until 4)",
                    "(splitList \",\" .csv)",
                    "(list (list 1) (dict \"k\" \"v\"))",
                    "(list 3 1 2 1)",
                ])
                .to_owned(),
            Ty::Dict => self
                .pick(&[
                    "dict",
                    "(dict \"a\" 1 \"b\" \"two\")",
                    "(dict \"x\" (dict \"y\" 1) \"l\" (list 1))",
                    "(fromJson .json)",
                    "(dict \"a\" nil \"e\" \"\")",
                    "(dict \"x\" (dict \"z\" 2) \"a\" 0)",
                ])
                .to_owned(),
            Ty::Time => format!(
                "(toDate {} {})",
                quoted(self.pick(LAYOUTS)),
                quoted(self.pick(DATES))
            ),
            Ty::Version => format!("(semver {})", quoted(self.pick(VERSIONS))),
            _ if !variables.is_empty() && self.one_in(3) => {
                variables[self.below(variables.len())].clone()
            }
            _ => match self.below(9) {
                0 => ".".to_owned(),
                1 => format!("$.{}", self.pick(NAMES)),
                2 => self.pick(INTS).to_owned(),
                3 => self.pick(FLOATS).to_owned(),
                4 => "(list nil 1)".to_owned(),
                5 => format!("(dict \"a\" 1).{}", self.pick(NAMES)),
                6 => self
                    .pick(&[
                        "1i",
                        "2+3i",
                        "true",
                        "(int64 5)",
                        "(index .a 0)",
                        "(semver \"1.2.3\").Major",
                        "(rest list)",
                        "(regexFindAll \"q\" \"a\" -1)",
                    ])
                    .to_owned(),
                7 => format!(".{}", self.pick(NAMES)),
                _ => quoted(self.pick(STRINGS)),
            },
        }
    }
}

/// What is not a time, the date functions take for now; a count must be small.
fn needs_its_type(ty: Ty) -> bool {
    matches!(ty, Ty::Time | Ty::Duration | Ty::Small)
}

fn ty(letter: char) -> Ty {
    match letter {
        'S' => Ty::Str,
        'I' | 'i' => Ty::Int,
        'N' => Ty::Small,
        'f' => Ty::Float,
        'B' => Ty::Bool,
        'L' => Ty::List,
        'd' => Ty::Dict,
        't' => Ty::Time,
        'V' => Ty::Version,
        'Y' => Ty::Layout,
        'X' => Ty::Date,
        'R' => Ty::Regex,
        'F' => Ty::Format,
        'D' => Ty::Duration,
        'J' => Ty::Json,
        'U' => Ty::Url,
        'E' => Ty::Semver,
        'C' => Ty::Constraint,
        'Z' => Ty::Zone,
        'K' => Ty::TypeName,
        '*' => Ty::More,
        _ => Ty::Any,
    }
}

fn letter(ty: Ty) -> char {
    match ty {
        Ty::Str => 'S',
        Ty::Int => 'I',
        Ty::Float => 'f',
        Ty::Bool => 'B',
        Ty::List => 'L',
        Ty::Dict => 'd',
        Ty::Time => 't',
        Ty::Version => 'V',
        _ => 'A',
    }
}

/// A Go string literal.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\0' => out.push_str("\\x00"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
