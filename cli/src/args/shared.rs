//! The flags that subcommands share with the flag form: one row each, given to clap.
//!
//! Values, variables and precedence are those of the flag form, because the same rows set them.

use std::ffi::OsString;

use clap::{Arg, ArgAction, ArgMatches};

use super::flags::{FLAGS, Flag, Group, Takes};
use super::pflag::Occurrence;
use super::{FlagError, Options};
use crate::env::Environment;

/// Every flag of these groups, under the headings of the flag form's help.
pub(crate) fn shared_flags(groups: &[Group]) -> impl Iterator<Item = Arg> {
    FLAGS
        .iter()
        .filter(|flag| groups.contains(&flag.group))
        .map(arg)
}

/// The variable of the flag named `name`, if there is such a flag.
pub(crate) fn flag_variable(name: &str) -> Option<String> {
    FLAGS
        .iter()
        .find(|flag| flag.name == name && flag.has_variable())
        .map(Flag::variable)
}

impl Options {
    /// The options of a subcommand, whose arguments came from [`shared_flags`].
    pub(crate) fn of_matches(
        matches: &ArgMatches,
        environment: &Environment,
    ) -> Result<Self, FlagError> {
        let mut occurrences = Vec::new();
        for flag in FLAGS {
            // Flags that this subcommand doesn't take are no arguments of its.
            let Ok(Some(values)) = matches.try_get_many::<OsString>(flag.name) else {
                continue;
            };
            occurrences.extend(values.map(|value| Occurrence {
                flag,
                value: value.clone(),
            }));
        }
        Self::of(&occurrences, environment)
    }
}

fn arg(flag: &'static Flag) -> Arg {
    let heading = Group::LISTED
        .iter()
        .find(|(group, _)| *group == flag.group)
        .map(|(_, title)| *title);
    let mut arg = Arg::new(flag.name)
        .long(flag.name)
        .help(flag.help)
        .help_heading(heading)
        .value_parser(clap::value_parser!(OsString))
        // Lists add up; of other flags the last counts, as each value is set in turn.
        .action(ArgAction::Append);
    if let Some(letter) = flag.short {
        arg = arg.short(letter);
    }
    match flag.takes {
        Takes::Value(name) => arg.value_name(name).allow_hyphen_values(true),
        Takes::Nothing => arg
            .value_name("BOOL")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true"),
    }
}
