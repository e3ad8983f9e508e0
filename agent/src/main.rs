//! The command `peerscope`: reads the world, speaks to people and machines. What it says is worked out
//! in `peerscope-analysis`, what it asks of the network in `peerscope-probes`.

mod case;
mod cli;
mod clock;
mod collect;
mod command;
mod daemon;
mod destination;
mod dns_target;
mod drive;
mod dyno;
mod escape;
mod evidence;
mod exit;
mod heroku;
mod input_error;
mod input_file;
mod junit;
mod output;
mod page;
mod priors_file;
mod resolve;
mod snapshot;
mod standpoint;
mod target;
mod text;
mod trust;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::exit::{Failure, Status};
use crate::text::Style;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are results; everything else is wrong usage. A broken pipe is neither.
            if !error.use_stderr() {
                let _ = error.print();
                return Status::Good.into();
            }
            eprintln!("{}", Failure::usage(one_line(&error)));
            return Status::Usage.into();
        }
    };
    let style = Style::of_stdout();
    let result = match &cli.command {
        Command::Why(arguments) => command::why::run(arguments, &style),
        Command::Analyze(arguments) => command::analyze::run(arguments, &style),
        Command::Matrix(arguments) => command::matrix::run(arguments, &style),
        Command::Check(arguments) => command::check::run(arguments, &style),
        Command::Diff(arguments) => command::diff::run(arguments, &style),
        Command::Rules(arguments) => command::rules::run(arguments, &style),
        Command::Probe(arguments) => command::probe::run(arguments, &style),
        Command::Trace(arguments) => command::trace::run(arguments, &style),
        Command::Capabilities(arguments) => command::capabilities::run(arguments, &style),
        Command::Run(arguments) => command::run::run(arguments),
        Command::Collect(arguments) => command::collect::run(arguments, &style),
        Command::Explain(arguments) => command::explain::run(arguments, &style),
        #[cfg(feature = "laboratory")]
        Command::Demo(arguments) => command::demo::run(arguments, &style),
        #[cfg(feature = "laboratory")]
        Command::Rehearse(arguments) => command::rehearse::run(arguments, &style),
    };
    match result {
        Ok(status) => status.into(),
        Err(failure) => {
            eprintln!("{failure}");
            failure.status().into()
        }
    }
}

/// What clap says over several lines, in one: what is wrong, what was expected, where help is.
fn one_line(error: &clap::Error) -> String {
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "expected a command, such as `peerscope why TARGET` (see peerscope --help)".to_string();
    }
    let text = error.to_string();
    let said = text.trim_start_matches("error: ").lines().map(str::trim);
    let said: Vec<&str> =
        said.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more")).collect();
    let said = said.into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    format!("{said} (see peerscope --help)")
}
