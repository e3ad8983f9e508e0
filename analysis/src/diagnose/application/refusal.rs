//! What a refusal in a server's own words comes to, and what mends it.
//!
//! A service that has no connection left says so in its own protocol, where one whose queue is full says nothing: both
//! are one host that takes no more than it does, and one cause (`HOST_OVERLOADED`). Any other refusal is an error of the
//! application (`APPLICATION_ERROR`).

use alloc::string::{String, ToString};

use peerscope_vocabulary::ApplicationProtocol;

use crate::cause::CauseCode;

/// An error before any login.
#[derive(Debug)]
pub(super) struct Known {
    protocol: ApplicationProtocol,
    /// The server's code for it.
    code: &'static str,
    /// What its words hold, in lower case; empty where the code says it all.
    words: &'static str,
    /// What it is.
    pub(super) cause: CauseCode,
    /// What to run on the server...
    command: &'static str,
    /// ...and why.
    why: &'static str,
}

const CONNECTIONS_OF_POSTGRESQL: &str =
    "psql -c 'SELECT usename, client_addr, state, count(*) FROM pg_stat_activity GROUP BY 1, 2, 3'";

/// Those that are known; of several that fit the first counts.
const KNOWN: &[Known] = &[
    // PostgreSQL's error codes, class 53 ("insufficient resources").
    Known {
        protocol: ApplicationProtocol::Postgresql,
        code: "53300",
        words: "",
        cause: CauseCode::HostOverloaded,
        command: CONNECTIONS_OF_POSTGRESQL,
        why: "On the server: shows who holds its connections. Close those that nobody uses, put a pool before it, or raise max_connections.",
    },
    // The postmaster could not even begin a process; so in words alone.
    Known {
        protocol: ApplicationProtocol::Postgresql,
        code: "",
        words: "could not fork new process",
        cause: CauseCode::HostOverloaded,
        command: CONNECTIONS_OF_POSTGRESQL,
        why: "On the server: it can begin no further process, for want of memory or by a limit on processes (ulimit -u, systemd's TasksMax). Close connections that nobody uses, or raise the limit.",
    },
    // PgBouncer, whose code for it is that of any violation of the protocol.
    Known {
        protocol: ApplicationProtocol::Postgresql,
        code: "08P01",
        words: "no more connections allowed",
        cause: CauseCode::HostOverloaded,
        command: "psql -p 6432 pgbouncer -c 'SHOW CLIENTS'",
        why: "On the pooler: shows who holds its connections. Close those that nobody uses, or raise max_client_conn.",
    },
    Known {
        protocol: ApplicationProtocol::Mysql,
        code: "1040",
        words: "",
        cause: CauseCode::HostOverloaded,
        command: "mysql -e 'SHOW PROCESSLIST'",
        why: "On the server: shows who holds its connections. Close those that nobody uses, have applications keep fewer, or raise max_connections.",
    },
    Known {
        protocol: ApplicationProtocol::Mysql,
        code: "1129",
        words: "",
        cause: CauseCode::ApplicationError,
        command: "mysqladmin flush-hosts",
        why: "On the server: lets the hosts in again that it blocked after max_connect_errors connections without a login. Find what connects without logging in, as a health check by TCP alone does.",
    },
    Known {
        protocol: ApplicationProtocol::Mysql,
        code: "1130",
        words: "",
        cause: CauseCode::ApplicationError,
        command: "mysql -e 'SELECT user, host FROM mysql.user'",
        why: "On the server: shows from which hosts its accounts may connect; none of them holds this client's address. Create the account for the client's network.",
    },
    Known {
        protocol: ApplicationProtocol::Mysql,
        code: "1203",
        words: "",
        cause: CauseCode::ApplicationError,
        command: "mysql -e 'SHOW PROCESSLIST'",
        why: "On the server: shows who holds its connections. Close those that nobody uses, or raise max_user_connections.",
    },
    Known {
        protocol: ApplicationProtocol::Redis,
        code: "DENIED",
        words: "",
        cause: CauseCode::ApplicationError,
        command: "redis-cli CONFIG GET protected-mode",
        why: "On the server: in protected mode a Redis without a password answers its own host alone. Set a password (requirepass), and only then let others in.",
    },
    Known {
        protocol: ApplicationProtocol::Redis,
        code: "LOADING",
        words: "",
        cause: CauseCode::ApplicationError,
        command: "redis-cli INFO persistence",
        why: "On the server: it is reading its data set into memory, and answers when that is done (loading_eta_seconds).",
    },
    Known {
        protocol: ApplicationProtocol::Redis,
        code: "MASTERDOWN",
        words: "",
        cause: CauseCode::ApplicationError,
        command: "redis-cli INFO replication",
        why: "On the server: it is a replica that has lost its primary and may not serve old data. Mend the link to the primary.",
    },
    Known {
        protocol: ApplicationProtocol::Redis,
        code: "ERR",
        words: "max number of clients",
        cause: CauseCode::HostOverloaded,
        command: "redis-cli CLIENT LIST",
        why: "On the server: shows who holds its connections; where there are too many, close those that nobody uses or raise maxclients.",
    },
    Known {
        protocol: ApplicationProtocol::Kafka,
        code: "35",
        words: "",
        cause: CauseCode::ApplicationError,
        command: "",
        why: "The broker does not know this version of ApiVersions: what listens there is older than Kafka 0.10, or no broker.",
    },
];

impl Known {
    /// What to run on the server, and why.
    pub(super) fn mending(&self) -> (String, String) {
        (self.command.to_string(), self.why.to_string())
    }
}

/// What is known of a refusal by its code and its words.
pub(super) fn known(protocol: ApplicationProtocol, code: &str, words: &str) -> Option<&'static Known> {
    let words = words.to_lowercase();
    KNOWN.iter().find(|known| known.protocol == protocol && known.code == code && words.contains(known.words))
}
