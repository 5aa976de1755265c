//! Character classes: ranges of code points, named groups and Unicode tables.

use std::sync::OnceLock;

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

/// `\d`, `\s`, `\w` and their opposites, in ASCII as Go has them.
pub(super) fn perl(letter: char) -> Option<ClassUnicode> {
    let mut class = match letter.to_ascii_lowercase() {
        'd' => ranges(&[('0', '9')]),
        's' => ranges(&[('\t', '\n'), ('\x0C', '\r'), (' ', ' ')]),
        'w' => ranges(&[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')]),
        _ => return None,
    };
    if letter.is_ascii_uppercase() {
        class.negate();
    }
    Some(class)
}

/// `[:alpha:]` and its like by name, without the colons; `^` before the name negates.
pub(super) fn posix(name: &str) -> Option<ClassUnicode> {
    let (negated, name) = match name.strip_prefix('^') {
        Some(name) => (true, name),
        None => (false, name),
    };
    let mut class = ranges(match name {
        "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "alpha" => &[('A', 'Z'), ('a', 'z')],
        "ascii" => &[('\0', '\x7F')],
        "blank" => &[('\t', '\t'), (' ', ' ')],
        "cntrl" => &[('\0', '\x1F'), ('\x7F', '\x7F')],
        "digit" => &[('0', '9')],
        "graph" => &[('!', '~')],
        "lower" => &[('a', 'z')],
        "print" => &[(' ', '~')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => &[('\t', '\r'), (' ', ' ')],
        "upper" => &[('A', 'Z')],
        "word" => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return None,
    });
    if negated {
        class.negate();
    }
    Some(class)
}

pub(super) fn ranges(list: &[(char, char)]) -> ClassUnicode {
    ClassUnicode::new(
        list.iter()
            .map(|&(low, high)| ClassUnicodeRange::new(low, high)),
    )
}

/// A range of code points, which may begin or end among the surrogates that no text holds.
pub(super) fn points(low: u32, high: u32) -> Option<ClassUnicodeRange> {
    let low = if (0xD800..0xE000).contains(&low) {
        0xE000
    } else {
        low
    };
    let high = if (0xD800..0xE000).contains(&high) {
        0xD7FF
    } else {
        high
    };
    if low > high {
        return None;
    }
    Some(ClassUnicodeRange::new(
        char::from_u32(low)?,
        char::from_u32(high)?,
    ))
}

/// `\p{name}`: a general category, a script, or one of Go's special names. Case, spaces,
/// hyphens and underscores in the name don't matter.
pub(super) fn unicode(name: &str) -> Option<ClassUnicode> {
    if !name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b" _-".contains(&b))
    {
        return None;
    }
    let plain: String = name
        .chars()
        .filter(|c| !" _-".contains(*c))
        .map(|c| c.to_ascii_lowercase())
        .collect();
    match plain.as_str() {
        "any" => return Some(ranges(&[('\0', '\u{10FFFF}')])),
        "ascii" => return Some(ranges(&[('\0', '\x7F')])),
        "assigned" => return table("\\P{Cn}"),
        "lc" | "casedletter" => return table("[\\p{Lu}\\p{Ll}\\p{Lt}]"),
        _ => {}
    }
    let category = CATEGORIES.contains(&plain.as_str());
    if category {
        return table(&format!("\\p{{gc={plain}}}"));
    }
    // Go knows scripts by their long names only.
    if plain.len() > 4 || SHORT_SCRIPTS.contains(&plain.as_str()) {
        return table(&format!("\\p{{sc={plain}}}"));
    }
    None
}

/// General categories and their long names, as Go has them.
const CATEGORIES: &[&str] = &[
    "c",
    "cc",
    "cf",
    "cn",
    "co",
    "cs",
    "l",
    "ll",
    "lm",
    "lo",
    "lt",
    "lu",
    "m",
    "mc",
    "me",
    "mn",
    "n",
    "nd",
    "nl",
    "no",
    "p",
    "pc",
    "pd",
    "pe",
    "pf",
    "pi",
    "po",
    "ps",
    "s",
    "sc",
    "sk",
    "sm",
    "so",
    "z",
    "zl",
    "zp",
    "zs",
    "other",
    "control",
    "cntrl",
    "format",
    "unassigned",
    "privateuse",
    "surrogate",
    "letter",
    "lowercaseletter",
    "modifierletter",
    "otherletter",
    "titlecaseletter",
    "uppercaseletter",
    "mark",
    "combiningmark",
    "spacingmark",
    "enclosingmark",
    "nonspacingmark",
    "number",
    "decimalnumber",
    "digit",
    "letternumber",
    "othernumber",
    "punctuation",
    "punct",
    "connectorpunctuation",
    "dashpunctuation",
    "closepunctuation",
    "finalpunctuation",
    "initialpunctuation",
    "otherpunctuation",
    "openpunctuation",
    "symbol",
    "currencysymbol",
    "modifiersymbol",
    "mathsymbol",
    "othersymbol",
    "separator",
    "lineseparator",
    "paragraphseparator",
    "spaceseparator",
];

/// Scripts whose full name is no longer than an abbreviation.
const SHORT_SCRIPTS: &[&str] = &[
    "ahom",
    "cham",
    "chorasmian",
    "han",
    "kawi",
    "lao",
    "lisu",
    "mro",
    "nko",
    "thai",
    "vai",
    "yi",
    "toto",
    "modi",
];

fn table(pattern: &str) -> Option<ClassUnicode> {
    if pattern == "\\p{gc=cs}" || pattern == "\\p{gc=surrogate}" {
        return Some(ClassUnicode::empty());
    }
    match regex_syntax::parse(pattern).ok()?.into_kind() {
        HirKind::Class(Class::Unicode(class)) => Some(class),
        HirKind::Literal(literal) => {
            let c = std::str::from_utf8(&literal.0).ok()?.chars().next()?;
            Some(ranges(&[(c, c)]))
        }
        _ => None,
    }
}

/// `c` and what differs from it in case only.
pub(super) fn folded(c: char) -> ClassUnicode {
    static ASCII: OnceLock<Vec<ClassUnicode>> = OnceLock::new();
    let fold = |c: char| {
        let mut class = ranges(&[(c, c)]);
        let _ = class.try_case_fold_simple();
        class
    };
    if c.is_ascii() {
        let all = ASCII.get_or_init(|| (0..128u8).map(|b| fold(char::from(b))).collect());
        return all[c as usize].clone();
    }
    fold(c)
}
