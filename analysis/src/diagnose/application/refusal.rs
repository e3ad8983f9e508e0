//! What mends a refusal in a server's own words, by its code.

use alloc::string::{String, ToString};

use peerscope_vocabulary::ApplicationProtocol;

/// Errors before any login that are known: the protocol, the code, what to run on the server, and why.
const KNOWN: &[(ApplicationProtocol, &str, &str, &str)] = &[
    (
        ApplicationProtocol::Mysql,
        "1040",
        "mysql -e 'SHOW PROCESSLIST'",
        "On the server: shows who holds its connections. Close those that nobody uses, have applications keep fewer, or raise max_connections.",
    ),
    (
        ApplicationProtocol::Mysql,
        "1129",
        "mysqladmin flush-hosts",
        "On the server: lets the hosts in again that it blocked after max_connect_errors connections without a login. Find what connects without logging in, as a health check by TCP alone does.",
    ),
    (
        ApplicationProtocol::Mysql,
        "1130",
        "mysql -e 'SELECT user, host FROM mysql.user'",
        "On the server: shows from which hosts its accounts may connect; none of them holds this client's address. Create the account for the client's network.",
    ),
    (
        ApplicationProtocol::Mysql,
        "1203",
        "mysql -e 'SHOW PROCESSLIST'",
        "On the server: shows who holds its connections. Close those that nobody uses, or raise max_user_connections.",
    ),
    (
        ApplicationProtocol::Redis,
        "DENIED",
        "redis-cli CONFIG GET protected-mode",
        "On the server: in protected mode a Redis without a password answers its own host alone. Set a password (requirepass), and only then let others in.",
    ),
    (
        ApplicationProtocol::Redis,
        "LOADING",
        "redis-cli INFO persistence",
        "On the server: it is reading its data set into memory, and answers when that is done (loading_eta_seconds).",
    ),
    (
        ApplicationProtocol::Redis,
        "MASTERDOWN",
        "redis-cli INFO replication",
        "On the server: it is a replica that has lost its primary and may not serve old data. Mend the link to the primary.",
    ),
    (
        ApplicationProtocol::Redis,
        "ERR",
        "redis-cli CLIENT LIST",
        "On the server: shows who holds its connections; where there are too many, close those that nobody uses or raise maxclients.",
    ),
    (
        ApplicationProtocol::Kafka,
        "35",
        "",
        "The broker does not know this version of ApiVersions: what listens there is older than Kafka 0.10, or no broker.",
    ),
];

/// What to run on the server, and why; none for what is not known.
pub(super) fn mending(protocol: ApplicationProtocol, code: &str) -> Option<(String, String)> {
    let known = KNOWN.iter().find(|(known, number, ..)| *known == protocol && *number == code);
    known.map(|(.., command, why)| ((*command).to_string(), (*why).to_string()))
}
