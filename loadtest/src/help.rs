//! How `--help` is laid out: a scenario's own options first, then those it shares, by what they are about.

use clap::{Args, Command, CommandFactory};

use crate::cli::{Cli, Common, Measuring, Sending};
use crate::dialect::DialectOptions;
use crate::target::TargetOptions;

/// The command line with its help laid out.
pub fn command() -> Command {
    let shared = [
        ("The server", ids::<TargetOptions>()),
        ("How the server is spoken to", ids::<DialectOptions>()),
        (
            "What is measured, and when it means nothing",
            ids::<Measuring>(),
        ),
        ("What is sent, and when", ids::<Sending>()),
        ("The run and its report", ids::<Common>()),
    ];
    // An option belongs to the first that has it: Sending and Common hold others of them.
    let heading = |id: &str| {
        let found = shared.iter().find(|(_, ids)| ids.iter().any(|i| i == id));
        found.map(|(heading, _)| *heading)
    };
    Cli::command().mut_subcommands(|scenario| {
        scenario.mut_args(|arg| {
            let id = arg.get_id().as_str().to_owned();
            match id.as_str() {
                // Without it nothing goes: among the scenario's own.
                "url" => arg.help_heading(None).display_order(0),
                id => arg.help_heading(heading(id)),
            }
        })
    })
}

/// The options that a part of the command line has.
fn ids<T: Args>() -> Vec<String> {
    let command = T::augment_args(Command::new("part"));
    let all = command.get_arguments();
    all.map(|arg| arg.get_id().as_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_holds_together() {
        command().debug_assert();
    }

    #[test]
    fn ones_own_options_come_first_and_shared_ones_under_their_headings() {
        let mut command = command();
        let fanout = command.find_subcommand_mut("fanout").unwrap();
        let help = fanout.render_long_help().to_string();
        let at = |word: &str| {
            help.find(word)
                .unwrap_or_else(|| panic!("no {word} in {help}"))
        };
        let order = [
            "\nOptions:",
            "--subscribers",
            "\nThe server:",
            "--pid",
            "\nHow the server is spoken to:",
            "--dialect",
            "\nThe run and its report:",
            "--json",
            "\nWhat is sent, and when:",
            "--size",
            "\nWhat is measured",
            "--duration",
        ];
        assert!(order.map(at).is_sorted(), "{help}");
    }
}
