//! What `--help` prints.

use super::flags::{FLAGS, Flag, Group, Takes};

/// Column at which descriptions start.
const INDENT: usize = 34;
/// Width of a line.
const WIDTH: usize = 100;

const HEAD: &str = "\
Seals Kubernetes Secrets, so that only the controller in the cluster can read them.

Usage: kubeseal [flags] < secret.yaml > sealed-secret.json

Reads one or more Secrets in JSON or YAML and writes a SealedSecret for each.

  kubeseal --fetch-cert > cert.pem                       get the certificate, once
  kubeseal --cert cert.pem -f secret.yaml -w sealed.yaml  seal, offline
  kubeseal --raw --cert cert.pem -n NS --name NAME        seal a single value
";

const FOOT: &str = "\
Every flag but those for logging can be given as a variable too: SEALED_SECRETS_ and its name in
capitals, with - as _. The command line wins. Exit code: 0 done, 1 failed, 2 wrong flags.
";

/// The most common calls, and the subcommands.
pub fn short_help() -> String {
    let mut text = HEAD.to_owned();
    text.push_str("\nSubcommands (kubeseal COMMAND --help tells more):\n");
    for command in crate::command::grammar().get_subcommands() {
        let about = command.get_about().map(ToString::to_string);
        text.push_str(&format!(
            "  {:<12}{}\n",
            command.get_name(),
            about.unwrap_or_default()
        ));
    }
    text
}

/// The whole text.
pub fn usage() -> String {
    let mut text = short_help();
    for (group, title) in Group::LISTED {
        text.push_str(&format!("\n{title}:\n"));
        FLAGS
            .iter()
            .filter(|flag| flag.group == group)
            .for_each(|flag| describe(flag, &mut text));
    }
    text.push_str("\nLogging (accepted for compatibility, without effect):\n");
    let names: Vec<String> = FLAGS
        .iter()
        .filter(|flag| flag.group == Group::Logging)
        .map(|flag| match flag.short {
            Some(letter) => format!("-{letter}, --{}", flag.name),
            None => format!("--{}", flag.name),
        })
        .collect();
    wrap(&names.join(", "), 2, &mut text);
    text.push('\n');
    text.push_str(FOOT);
    text
}

fn describe(flag: &Flag, text: &mut String) {
    let letter = match flag.short {
        Some(letter) => format!("-{letter}, "),
        None => "    ".to_owned(),
    };
    let value = match flag.takes {
        Takes::Nothing => String::new(),
        Takes::Value(name) => format!(" {name}"),
    };
    let head = format!("  {letter}--{}{value}", flag.name);
    text.push_str(&head);
    let gap = INDENT.saturating_sub(head.len());
    if gap < 2 {
        text.push('\n');
        wrap(flag.help, INDENT, text);
    } else {
        let mut help = String::new();
        wrap(flag.help, INDENT, &mut help);
        text.push_str(&" ".repeat(gap));
        text.push_str(help.trim_start());
    }
}

/// Appends `words` in lines that start at column `indent`.
fn wrap(words: &str, indent: usize, text: &mut String) {
    let mut column = 0;
    for word in words.split(' ') {
        if column > 0 && column + 1 + word.len() > WIDTH {
            text.push('\n');
            column = 0;
        }
        if column == 0 {
            text.push_str(&" ".repeat(indent));
            column = indent;
        } else {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += word.len();
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_is_listed_unless_hidden() {
        let text = usage();
        for flag in FLAGS {
            assert_eq!(
                text.contains(&format!("--{}", flag.name)),
                !flag.is_hidden(),
                "{}",
                flag.name
            );
        }
        assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
    }
}
