//! The functions templates can call: sprig 3.3's, one file per family, beside Go's own.

mod certificates;
mod crypto;
mod dates;
mod decimal;
mod defaults;
mod dicts;
mod encoding;
mod keys;
mod lists;
mod maths;
mod merge;
mod paths;
mod random;
mod reflection;
mod regex;
pub(crate) mod semver;
mod strings;
mod urls;
mod words;

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::exec::{self, Function};

/// Every family; a later one wins where two have a function of the same name.
const FAMILIES: &[&[Function]] = &[
    exec::FUNCTIONS,
    certificates::FUNCTIONS,
    crypto::FUNCTIONS,
    dates::FUNCTIONS,
    defaults::FUNCTIONS,
    dicts::FUNCTIONS,
    encoding::FUNCTIONS,
    lists::FUNCTIONS,
    maths::FUNCTIONS,
    paths::FUNCTIONS,
    random::FUNCTIONS,
    reflection::FUNCTIONS,
    regex::FUNCTIONS,
    semver::FUNCTIONS,
    strings::FUNCTIONS,
    urls::FUNCTIONS,
    words::FUNCTIONS,
];

struct Table {
    functions: Vec<&'static Function>,
    by_name: HashMap<&'static [u8], u16>,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let functions: Vec<&'static Function> = FAMILIES.iter().flat_map(|f| f.iter()).collect();
        let by_name = functions
            .iter()
            .enumerate()
            .map(|(i, f)| (f.name.as_bytes(), i as u16))
            .collect();
        Table { functions, by_name }
    })
}

/// The number of the function `name`.
pub(crate) fn find(name: &[u8]) -> Option<u16> {
    table().by_name.get(name).copied()
}

/// The function of a number.
pub(crate) fn function(number: u16) -> Option<&'static Function> {
    table().functions.get(usize::from(number)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_of_sprig_exists() {
        let names = include_str!("../../tests/vectors/sprig-functions.txt");
        let missing: Vec<&str> = names
            .lines()
            .filter(|n| find(n.as_bytes()).is_none())
            .collect();
        assert!(missing.is_empty(), "missing: {missing:?}");
        for gone in ["env", "expandenv", "getHostByName"] {
            assert!(find(gone.as_bytes()).is_none(), "{gone} exists");
        }
        assert_eq!(
            table().functions.len(),
            table().by_name.len(),
            "a name is taken twice"
        );
        let builtins = exec::FUNCTIONS.len();
        assert_eq!(table().functions.len(), names.lines().count() + builtins);
    }
}
