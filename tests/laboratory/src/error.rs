//! What can go wrong in a laboratory, told so that a person sees what to do about it: which command
//! failed on which line of its input, or what the machine lacks.

use std::fmt;
use std::io;

/// Why the laboratory could not do what was asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum LaboratoryError {
    /// The process has a second thread already; namespaces can only be entered before.
    Threaded {
        /// How many threads the process has.
        threads: usize,
    },
    /// A command that the laboratory is built with is not installed.
    ToolMissing {
        /// The command's name: `ip`, `nft` or `setpriv`.
        tool: &'static str,
        /// The Debian package that holds it.
        package: &'static str,
    },
    /// The kernel gives this process no namespaces of its own, neither as root nor in a user namespace.
    NamespacesUnavailable {
        /// The call that failed.
        call: &'static str,
        /// The kernel's answer.
        source: nix::errno::Errno,
        /// What would help here.
        help: &'static str,
    },
    /// A call of the operating system failed.
    System {
        /// What was being done.
        call: String,
        /// The answer.
        source: io::Error,
    },
    /// A command ended with an error.
    Command {
        /// The command with its arguments.
        command: String,
        /// What it wrote to its standard error, cut to the first lines.
        stderr: String,
        /// The line of its input that it complained about, where it named one.
        line: Option<String>,
    },
    /// What a command answered could not be understood.
    Answer {
        /// The command.
        command: String,
        /// What was expected of it.
        expected: String,
    },
    /// The twin has no such host.
    NoSuchHost(String),
}

impl LaboratoryError {
    pub(crate) fn system(call: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::System { call: call.into(), source: source.into() }
    }
}

impl fmt::Display for LaboratoryError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Threaded { threads } => write!(
                formatter,
                "the laboratory must be entered while the process has one thread, it has {threads}"
            ),
            Self::ToolMissing { tool, package } => write!(
                formatter,
                "the laboratory needs the command `{tool}`, which is not installed: apt-get install {package}"
            ),
            Self::NamespacesUnavailable { call, source, help } => {
                write!(formatter, "no network namespaces to be had here: {call}: {}; {help}", source.desc())
            }
            Self::System { call, source } => write!(formatter, "{call}: {source}"),
            Self::Command { command, stderr, line } => {
                write!(formatter, "`{command}` failed: {}", stderr.trim_end())?;
                match line {
                    Some(line) => write!(formatter, " (at `{line}`)"),
                    None => Ok(()),
                }
            }
            Self::Answer { command, expected } => {
                write!(formatter, "`{command}` gave no answer in the shape expected: {expected}")
            }
            Self::NoSuchHost(host) => write!(formatter, "the twin has no host {host}"),
        }
    }
}

impl std::error::Error for LaboratoryError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NamespacesUnavailable { source, .. } => Some(source),
            Self::System { source, .. } => Some(source),
            _ => None,
        }
    }
}
