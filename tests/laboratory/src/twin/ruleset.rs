//! The nftables ruleset of one router or host, as text.
//!
//! On a router everything is decided in the forward chain, in AWS's order: the sender's groups, its subnet's ACL,
//! the route, the receiver's subnet's ACL, its groups. What has no route is sent to the router's loopback
//! interface by its route tables, so that it too comes by here and is counted, which a kernel's own
//! blackhole would not do.

use std::fmt::Write;

use super::condition::SPOKEN;
use super::gate::{Direction, Gate, GateKind};
use super::lost::definitions;

/// The name of the table that all of a router's rules are in.
pub(crate) const TABLE: &str = "peerscope";

/// The port that route tables send to what has no way on.
pub(crate) const NOWHERE: &str = "lo";

/// The same for IPv6, for which the kernel makes a route to the loopback interface one that rejects before
/// any rule sees the packet: a wire whose other end is in the same router.
pub(crate) const NOWHERE_VERSION_SIX: &str = "nowhere";

/// The chain that ends all that is dropped.
pub(crate) const LOST: &str = "lost";

/// A ruleset in the making.
#[derive(Default)]
pub(crate) struct Ruleset {
    gates: Vec<(String, Gate)>,
    chains: String,
    stages: [Vec<(String, String)>; 5],
}

/// The places of the forward chain, in the order in which a packet passes them.
#[derive(Clone, Copy)]
pub(crate) enum Stage {
    GroupOut,
    AclOut,
    Route,
    AclIn,
    GroupIn,
}

impl Ruleset {
    /// Adds a gate without a chain of rules: all that is sent to the chain named here is dropped there.
    pub(crate) fn gate(&mut self, kind: GateKind, id: &str) -> String {
        let gate = Gate { kind, id: id.to_owned() };
        let chain = gate.chain_name(self.gates.len());
        let drop = format!("{chain}/drop");
        let [forward, back] = [Direction::Forward, Direction::Return].map(|way| mark(self.gates.len(), way));
        // Writing to a String cannot fail.
        let _ = writeln!(
            self.chains,
            " chain {drop} {{\n  ct direction reply meta mark set {back} counter name {chain}/return goto {LOST}\n  \
             meta mark set {forward} counter name {chain}/forward goto {LOST}\n }}"
        );
        self.gates.push((chain, gate));
        drop
    }

    /// Adds a gate whose chain of rules lets through what returns from it; `rules` are given the chain
    /// that drops. The chain's name comes back.
    pub(crate) fn filter(
        &mut self,
        kind: GateKind,
        id: &str,
        rules: impl FnOnce(&str) -> Vec<String>,
    ) -> String {
        let drop = self.gate(kind, id);
        let chain = drop.trim_end_matches("/drop").to_owned();
        let _ = writeln!(self.chains, " chain {chain} {{");
        for rule in rules(&drop) {
            let _ = writeln!(self.chains, "  {rule}");
        }
        let _ = writeln!(self.chains, "  goto {drop}\n }}");
        chain
    }

    /// Sends what comes in by (or, in the last two stages, goes out by) `port` through `chain`.
    pub(crate) fn attach(&mut self, stage: Stage, port: &str, chain: &str) {
        self.stages[stage as usize].push((port.to_owned(), chain.to_owned()));
    }

    /// The text for `nft -f -`, which puts it in the place of what was there in one step, and the gates
    /// by the names of their counters.
    pub(crate) fn finish(self) -> (String, Vec<(String, Gate)>) {
        let mut text = self.beginning();
        // AWS's routers are no hops of a traceroute: what would expire in one of the twin's two is saved.
        text.push_str(
            " chain prerouting {\n  type filter hook prerouting priority mangle; policy accept;\n  \
             ip ttl < 8 ip ttl set 8\n  ip6 hoplimit < 8 ip6 hoplimit set 8\n }\n",
        );
        // They are silent, too: none of their own ICMP ever leaves, but what a middlebox beside them says.
        let _ = writeln!(
            text,
            " chain output {{\n  type filter hook output priority filter; policy drop;\n  meta mark {SPOKEN} accept\n }}"
        );
        text.push_str(" chain forward {\n  type filter hook forward priority filter; policy accept;\n");
        let lost = format!("oifname {{ \"{NOWHERE}\", \"{NOWHERE_VERSION_SIX}\" }}");
        let keys = ["iifname", "iifname", &format!("{lost} iifname"), "oifname", "oifname"];
        for (index, (key, ports)) in keys.iter().zip(&self.stages).enumerate() {
            if ports.is_empty() {
                continue;
            }
            let verdict = if index == Stage::Route as usize { "goto" } else { "jump" };
            let list: Vec<String> =
                ports.iter().map(|(port, chain)| format!("\"{port}\" : {verdict} {chain}")).collect();
            let _ = writeln!(text, "  {key} vmap {{ {} }}", list.join(", "));
        }
        // Nothing comes back from there.
        let _ = writeln!(text, "  {lost} drop\n }}\n}}");
        (text, self.gates)
    }

    /// The same for a host: rules about what it is sent, and about what it sends.
    pub(crate) fn finish_host(self, input: &[String], output: &[String]) -> (String, Vec<(String, Gate)>) {
        let mut text = self.beginning();
        for (hook, rules) in [("input", input), ("output", output)] {
            let _ =
                writeln!(text, " chain {hook} {{\n  type filter hook {hook} priority filter; policy accept;");
            for rule in rules {
                let _ = writeln!(text, "  {rule}");
            }
            text.push_str(" }\n");
        }
        text.push_str("}\n");
        (text, self.gates)
    }

    /// The counters and the chains of all gates, in a table that takes the place of the one that was.
    fn beginning(&self) -> String {
        let mut text = format!("table inet {TABLE}\ndelete table inet {TABLE}\ntable inet {TABLE} {{\n");
        for (chain, _) in &self.gates {
            let _ = writeln!(text, " counter {chain}/forward {{ }}\n counter {chain}/return {{ }}");
        }
        // Whose packets were lost is kept too.
        text.push_str(&definitions());
        text.push_str(&self.chains);
        text
    }
}

/// The mark that a gate, by its place among the router's, gives to what it drops.
fn mark(gate: usize, direction: Direction) -> usize {
    2 * gate + usize::from(direction == Direction::Return)
}

/// The gate and the direction of a mark.
pub(crate) fn marked(mark: u64) -> Option<(usize, Direction)> {
    let direction = if mark.is_multiple_of(2) { Direction::Forward } else { Direction::Return };
    Some((usize::try_from(mark / 2).ok()?, direction))
}
