//! Secrets made at random from a fixed seed, with the scalars that YAML 1.1, YAML 1.2 and JSON read
//! differently.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

/// SplitMix64: the same documents in each run.
pub(crate) struct Random(u64);

/// Scalars as they stand in a file. Numbers that are written anew are left out: see the difference
/// `numbers`.
const SCALARS: &[&str] = &[
    "text",
    "two words",
    "yes",
    "Yes",
    "YES",
    "no",
    "NO",
    "on",
    "On",
    "off",
    "OFF",
    "y",
    "Y",
    "n",
    "N",
    "true",
    "True",
    "TRUE",
    "false",
    "False",
    "null",
    "Null",
    "NULL",
    "~",
    "",
    "0",
    "7",
    "-7",
    "+7",
    "007",
    "0777",
    "0o17",
    "0x1F",
    "0xff",
    "0b101",
    "1_000",
    "1__0",
    "_1",
    "1.5",
    "-0.25",
    "1e-2x",
    "12e",
    "2001-01-01",
    "2001-12-14T21:59:43Z",
    "2001-12-14 21:59:43",
    "1:30",
    "190:20:30",
    "12:30:45",
    "1.2.3",
    "v1.0",
    "1,000",
    "=",
    "<<x",
    "a: b",
    "a:b",
    "a #b",
    "a#b",
    "-a",
    "?a",
    "\"yes\"",
    "\"0777\"",
    "\"\"",
    "\"a\\tb\\n\"",
    "\"\\x41\\u00e9\\U0001F600\"",
    "\"\\\\ \\\"\"",
    "'no'",
    "'it''s'",
    "''",
    "' spaces '",
    "!!str 12",
    "!!str yes",
    "!!str",
    "!!binary aGVsbG8=",
    "!!int 7",
    "!!bool yes",
    "!!float 2",
    "|\n    two\n    lines",
    "|-\n    no end",
    "|+\n    all ends\n\n",
    ">\n    folded\n    text\n\n    more",
    ">-\n    one\n    line",
    "ünïcödé",
    "日本語",
    "🔑",
    "a\n    b",
    "\"a\n    b\"",
    "%x",
    "&a v",
    "@x",
    "`x`",
    "!x y",
    "[]",
    "{}",
    "9223372036854775807",
    "-9223372036854775808",
    "16777216",
    "0x7fffffff",
    "0.5",
];

const NAMES: &[&str] = &[
    "a",
    "b.c",
    "d-e",
    "F_G",
    "yes",
    "on",
    "n",
    "0777",
    "12",
    "1.5",
    "true",
    "tls.crt",
    ".dockerconfigjson",
    "x9",
    "0x10",
    "1_0",
];

const METADATA: &[&str] = &[
    "plain", "\"yes\"", "'0777'", "yes", "0777", "1.5", "null", "x: y", "\"\"",
];

const TYPES: &[&str] = &["", "Opaque", "kubernetes.io/tls", "example.com/x", "\"on\""];

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn one_of<'list>(&mut self, list: &[&'list str]) -> &'list str {
        let index = usize::try_from(self.below(list.len() as u64)).unwrap_or_default();
        list.get(index).copied().unwrap_or_default()
    }

    fn bytes(&mut self) -> Vec<u8> {
        (0..self.below(40))
            .map(|_| self.next().to_le_bytes()[0])
            .collect()
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

/// A Secret in YAML.
pub(crate) fn yaml(random: &mut Random, name: &str) -> String {
    let mut text = String::new();
    if random.one_in(4) {
        text += "# a comment\n";
    }
    text += "apiVersion: v1\nkind: Secret\nmetadata:\n";
    let _ = writeln!(text, "  name: {name}");
    if !random.one_in(4) {
        text += "  namespace: shop\n";
    }
    for field in ["labels", "annotations"] {
        if random.one_in(3) {
            let _ = writeln!(text, "  {field}:");
            for number in 0..=random.below(3) {
                let _ = writeln!(text, "    {field}-{number}: {}", random.one_of(METADATA));
            }
        }
    }
    let kind = random.one_of(TYPES);
    if !kind.is_empty() {
        let _ = writeln!(text, "type: {kind}");
    }
    if random.one_in(4) {
        let _ = writeln!(
            text,
            "immutable: {}",
            random.one_of(&["true", "false", "yes", "off"])
        );
    }
    text += "stringData:\n";
    for item in items(random) {
        let _ = writeln!(text, "  {item}: {}", random.one_of(SCALARS));
    }
    if random.one_in(2) {
        text += "data:\n";
        for item in items(random) {
            let encoded = BASE64_STANDARD.encode(random.bytes());
            let (start, end) = encoded.split_at(encoded.len() / 2);
            let value = match random.below(5) {
                0 => "null".to_owned(),
                1 => "\"\"".to_owned(),
                2 => format!("|\n    {start}\n    {end}"),
                3 => format!("\"{start}\\n{end}\""),
                _ => format!("'{encoded}'"),
            };
            let _ = writeln!(text, "  {item}: {value}");
        }
    }
    match random.below(4) {
        0 => text.replace('\n', "\r\n"),
        1 => text + "...\n",
        _ => text,
    }
}

/// Distinct names of items.
fn items(random: &mut Random) -> Vec<&'static str> {
    let mut items: Vec<&str> = (0..=random.below(5))
        .map(|_| random.one_of(NAMES))
        .collect();
    items.sort_unstable();
    items.dedup();
    items
}

/// A Secret in JSON.
pub(crate) fn json(random: &mut Random, name: &str) -> String {
    const VALUES: &[&str] = &[
        "",
        "text",
        "yes",
        "0777",
        "null",
        " \t\n",
        "quote \" and \\",
        "é",
        "日本語 🔑",
        "a\u{2028}b",
        "\u{7f}",
        "{}",
        "<&>",
        "\u{1}",
    ];
    let mut secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": name, "namespace": "shop" },
    });
    let mut string_data = serde_json::Map::new();
    for item in items(random) {
        let value = match random.below(8) {
            0 => Value::Null,
            _ => random.one_of(VALUES).into(),
        };
        string_data.insert(item.to_owned(), value);
    }
    let data: serde_json::Map<String, Value> = items(random)
        .into_iter()
        .map(|item| {
            (
                item.to_owned(),
                BASE64_STANDARD.encode(random.bytes()).into(),
            )
        })
        .collect();
    if let Some(fields) = secret.as_object_mut() {
        fields.insert("stringData".to_owned(), string_data.into());
        if random.one_in(2) {
            fields.insert("data".to_owned(), data.into());
        }
        if random.one_in(3) {
            fields.insert("immutable".to_owned(), true.into());
        }
        if random.one_in(3) {
            fields.insert("type".to_owned(), "example.com/x".into());
        }
        if random.one_in(3) {
            fields.insert("unknown".to_owned(), json!({ "field": [1, 2.5, null] }));
        }
    }
    match random.below(3) {
        0 => secret.to_string(),
        1 => format!("{secret:#}\n"),
        // Escapes instead of letters.
        _ => secret
            .to_string()
            .chars()
            .map(|letter| match letter {
                letter if letter.is_ascii() => letter.to_string(),
                letter => {
                    let mut units = [0; 2];
                    letter
                        .encode_utf16(&mut units)
                        .iter()
                        .map(|unit| format!("\\u{unit:04x}"))
                        .collect()
                }
            })
            .collect(),
    }
}
