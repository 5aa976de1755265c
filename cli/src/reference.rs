//! What can be made of the command line's grammar: completions, manual pages, docs/cli.md.
//!
//! All of it comes from the rows of the flag form and from the arguments of the subcommands, so none
//! can tell something else than `--help`.

use std::io;

use clap::{Arg, Command, ValueHint};
use clap_complete::Shell;

use crate::args::{Group, flag_variable, shared_flags};
use crate::command;

const ABOUT: &str =
    "Seals Kubernetes Secrets, so that only the controller in the cluster can read them";

/// The whole program as clap knows it. Only for what is generated: the flag form has a parser of its
/// own, whose syntax clap can't express.
pub fn program() -> Command {
    let groups: Vec<Group> = Group::LISTED.iter().map(|(group, _)| *group).collect();
    let args = shared_flags(&groups).map(|arg| match arg.get_id().as_str() {
        "scope" => arg.value_parser(["strict", "namespace-wide", "cluster-wide"]),
        "format" => arg.value_parser(["json", "yaml"]),
        _ => arg,
    });
    command::grammar()
        .subcommand_required(false)
        .args_conflicts_with_subcommands(true)
        .disable_help_flag(true)
        .version(env!("CARGO_PKG_VERSION"))
        .disable_version_flag(true)
        .about(ABOUT)
        .args(args)
        .mut_args(|arg| {
            let named = |wanted: &str| {
                arg.get_value_names()
                    .is_some_and(|names| names.iter().any(|name| name.contains(wanted)))
            };
            if named("FILE") {
                arg.value_hint(ValueHint::FilePath)
            } else {
                arg
            }
        })
}

/// The completion script for a shell.
pub fn completion(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut program(), "kubeseal", &mut script);
    script
}

/// The file that a shell looks for its completions in.
pub fn completion_file(shell: Shell) -> &'static str {
    match shell {
        Shell::Zsh => "_kubeseal",
        Shell::Fish => "kubeseal.fish",
        Shell::PowerShell => "kubeseal.ps1",
        _ => "kubeseal.bash",
    }
}

/// Manual pages by file name: one for the program, one for each subcommand.
///
/// # Errors
/// None in practice: they are written to memory.
pub fn manual() -> io::Result<Vec<(String, Vec<u8>)>> {
    let program = program();
    let mut pages = Vec::new();
    let mut write = |name: String, command: Command| -> io::Result<()> {
        let mut page = Vec::new();
        clap_mangen::Man::new(command)
            .date("")
            .source(concat!("kubeseal ", env!("CARGO_PKG_VERSION")))
            .manual("Sealed Secrets")
            .render(&mut page)?;
        pages.push((format!("{name}.1"), page));
        Ok(())
    };
    write("kubeseal".to_owned(), program.clone())?;
    for command in program.get_subcommands() {
        let name = format!("kubeseal-{}", command.get_name());
        // Pages are named after their command, as Git's are.
        let command = command.clone().name(name.clone());
        let usage = format!("kubeseal {}", name.trim_start_matches("kubeseal-"));
        write(name, command.bin_name(usage))?;
    }
    Ok(pages)
}

/// The text of docs/cli.md.
pub fn markdown() -> String {
    let program = program();
    let mut text = format!(
        "# kubeseal\n\n<!-- Generated from the code: cargo run -p kubeseal --example reference -->\n\n{ABOUT}.\n\n\
         `kubeseal [flags] < secret.yaml > sealed-secret.json` reads Secrets in JSON or YAML and writes a SealedSecret \
         for each; a first\nargument that is the name of a [subcommand](#subcommands) calls that instead. Exit code: \
         0 done, 1 failed, 2 wrong flags.\n\n## Flags\n\nEvery flag can be given as a variable too. The command line \
         wins, then comes the variable, then the\n[project file](project-file.md). klog's flags (`-v`, \
         `--logtostderr` …) are accepted without effect.\n"
    );
    for (_, title) in Group::LISTED {
        text.push_str(&format!(
            "\n### {title}\n\n| Flag | Variable | Meaning |\n|---|---|---|\n"
        ));
        let args = program.get_arguments();
        for arg in args.filter(|arg| arg.get_help_heading() == Some(title)) {
            let variable = flag_variable(arg.get_id().as_str()).unwrap_or_default();
            row(
                &mut text,
                &[spelling(arg), format!("`{variable}`"), help(arg)],
            );
        }
    }
    text.push_str("\n## Subcommands\n");
    for command in program.get_subcommands() {
        let about = command.get_long_about().or(command.get_about());
        let usage = command
            .clone()
            .bin_name(format!("kubeseal {}", command.get_name()));
        let usage = usage.clone().render_usage().to_string();
        let usage = usage.trim_start_matches("Usage: ");
        let about = about.map(ToString::to_string).unwrap_or_default();
        text.push_str(&format!(
            "\n### kubeseal {}\n\n{}\n\n{}\n\n| Argument | Meaning |\n|---|---|\n",
            command.get_name(),
            usage
                .lines()
                .map(|line| format!("    {}", line.trim()))
                .collect::<Vec<_>>()
                .join("\n"),
            about.trim(),
        ));
        let own = command.get_arguments().filter(|arg| {
            flag_variable(arg.get_id().as_str()).is_none() || arg.get_help_heading().is_none()
        });
        for arg in own.filter(|arg| arg.get_id() != "help") {
            row(&mut text, &[spelling(arg), help(arg)]);
        }
        let shared: Vec<&str> = Group::LISTED
            .iter()
            .map(|(_, title)| *title)
            .filter(|title| {
                command
                    .get_arguments()
                    .any(|arg| arg.get_help_heading() == Some(title))
            })
            .collect();
        if !shared.is_empty() {
            text.push_str(&format!(
                "\nTakes these flags too: {}.\n",
                shared.join("; ")
            ));
        }
    }
    text
}

fn row(text: &mut String, cells: &[String]) {
    let cells: Vec<String> = cells
        .iter()
        .map(|cell| cell.replace('|', "\\|").replace('\n', " "))
        .collect();
    text.push_str(&format!("| {} |\n", cells.join(" | ")));
}

/// `-f`, `--secret-file FILE`.
fn spelling(arg: &Arg) -> String {
    let values = arg
        .get_value_names()
        .filter(|_| arg.get_action().takes_values())
        .map(|names| names.join(" "))
        .filter(|names| names != "BOOL")
        .unwrap_or_default();
    if arg.is_positional() {
        return format!("`{values}`");
    }
    let long = arg.get_long().unwrap_or_default();
    let long = format!(
        "`--{long}{}{values}`",
        if values.is_empty() { "" } else { " " }
    );
    match arg.get_short() {
        Some(letter) => format!("`-{letter}`, {long}"),
        None => long,
    }
}

fn help(arg: &Arg) -> String {
    let mut help = arg
        .get_long_help()
        .or(arg.get_help())
        .map(ToString::to_string)
        .unwrap_or_default();
    let values = arg.get_possible_values();
    let names: Vec<&str> = values.iter().map(|value| value.get_name()).collect();
    if !names.is_empty() && arg.get_action().takes_values() && arg.get_help_heading().is_none() {
        help.push_str(&format!(": `{}`", names.join("`, `")));
    }
    help
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_grammar_is_sound() {
        program().debug_assert();
    }

    #[test]
    fn every_listed_flag_and_subcommand_is_everywhere() {
        let markdown = markdown();
        let page = manual().unwrap().remove(0).1;
        let page = String::from_utf8(page).unwrap().replace("\\-", "-");
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell] {
            let script = String::from_utf8(completion(shell)).unwrap();
            for command in program().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell} {command}");
            }
        }
        for arg in program().get_arguments() {
            let long = arg.get_long().unwrap();
            assert!(markdown.contains(&format!("`--{long}")), "{long}");
            assert!(page.contains(&format!("--{long}")), "{long}");
        }
    }
}
