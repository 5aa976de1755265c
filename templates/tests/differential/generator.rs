//! Random templates over all the functions whose result does not depend on chance or the clock.
//!
//! Mostly well-typed, so that most render; sometimes not, so that errors are compared too.

mod tables;

use sealed_secrets_templates::Values;

use tables::{
    CONSTRAINTS, DATES, DURATIONS, FLOATS, FORMATS, INTS, JSONS, LAYOUTS, METHODS, NAMES, REGEXES,
    SIGNATURES, SMALLS, STRINGS, TYPES, URLS, VERSIONS, ZONES,
};

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
