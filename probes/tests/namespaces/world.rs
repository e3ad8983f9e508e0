//! The client, two routers and a server, as the kernel sees them.

use std::fs::{self, File};
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::{getegid, geteuid};

/// Where `ip netns` keeps its names.
const NAMES: &str = "/run/netns";

const LINKS: &str = "
netns add client
netns add r1
netns add r2
netns add server
";

const CABLES: &str = "
link add name eth0 netns client type veth peer name west netns r1
link add name east netns r1 type veth peer name west netns r2
link add name east netns r2 type veth peer name eth0 netns server
";

const CLIENT: &str = "
link set lo up
link set eth0 up
address add 10.1.0.2/24 dev eth0
address add fd00:1::2/64 dev eth0 nodad
route add 10.2.0.0/16 via 10.1.0.1
route add prohibit 10.3.1.0/24
route add unreachable 10.3.2.0/24
route add blackhole 10.3.3.0/24
route add fd00:2::/64 via fd00:1::1
route add fd00:a::/48 via fd00:1::1
route add fd00:b::/48 via fd00:1::1
route add fd00:c::/48 via fd00:1::1
route add fd00:d::/48 via fd00:1::1
route add prohibit fd00:31::/64
route add unreachable fd00:32::/64
route add blackhole fd00:33::/64
";

const R1: &str = "
link set lo up
link set west up
link set east up
address add 10.1.0.1/24 dev west
address add 10.9.0.1/24 dev east
address add fd00:1::1/64 dev west nodad
address add fd00:9::1/64 dev east nodad
route add 10.2.0.0/24 via 10.9.0.2
route add blackhole 10.2.9.0/24
route add prohibit 10.2.10.0/24
route add unreachable 10.2.11.0/24
route add 10.2.12.0/24 via 10.9.0.2
route add fd00:2::/64 via fd00:9::2
route add prohibit fd00:b::/48
route add blackhole fd00:c::/48
route add fd00:d::/48 via fd00:9::2
";

const R2: &str = "
link set lo up
link set west up
link set east up
address add 10.9.0.2/24 dev west
address add 10.2.0.1/24 dev east
address add fd00:9::2/64 dev west nodad
address add fd00:2::1/64 dev east nodad
route add 10.1.0.0/24 via 10.9.0.1
route add 10.2.12.0/24 via 10.9.0.1
route add 10.2.0.7/32 dev east mtu lock 1400
rule add from 10.2.0.9 lookup 9
route add 10.1.0.0/24 via 10.9.0.1 mtu lock 1400 table 9
route add fd00:2::7/128 dev east mtu lock 1400
route add fd00:1::/64 via fd00:9::1
route add fd00:d::/48 via fd00:9::1
";

const SERVER: &str = "
link set lo up
link set eth0 up
address add 10.2.0.2/24 dev eth0
address add 10.2.0.3/24 dev eth0
address add 10.2.0.4/24 dev eth0
address add 10.2.0.5/24 dev eth0
address add 10.2.0.6/24 dev eth0
address add 10.2.0.7/24 dev eth0
address add 10.2.0.8/24 dev eth0
address add 10.2.0.9/24 dev eth0
address add fd00:2::2/64 dev eth0 nodad
address add fd00:2::3/64 dev eth0 nodad preferred_lft 0
address add fd00:2::4/64 dev eth0 nodad preferred_lft 0
address add fd00:2::7/64 dev eth0 nodad preferred_lft 0
address add fd00:2::8/64 dev eth0 nodad preferred_lft 0
route add default via 10.2.0.1
route add default via fd00:2::1
";

/// Port by port, what the far router does; `quota until 60 bytes` is one SYN.
const R2_FILTER: &str = "
table inet filter {
  chain forward {
    type filter hook forward priority 0; policy accept;
    tcp dport 1001 drop
    tcp dport 1002 reject with tcp reset
    tcp dport 1003 reject with icmpx port-unreachable
    tcp dport 1004 meta nfproto ipv4 reject with icmp net-unreachable
    tcp dport 1004 meta nfproto ipv6 reject with icmpv6 no-route
    tcp dport 1005 meta nfproto ipv4 reject with icmp host-unreachable
    tcp dport 1005 meta nfproto ipv6 reject with icmpv6 addr-unreachable
    tcp dport 1006 meta nfproto ipv4 reject with icmp prot-unreachable
    tcp dport 1006 meta nfproto ipv6 reject with icmpv6 policy-fail
    tcp dport 1007 meta nfproto ipv4 reject with icmp net-prohibited
    tcp dport 1007 meta nfproto ipv6 reject with icmpv6 reject-route
    tcp dport 1008 meta nfproto ipv4 reject with icmp host-prohibited
    tcp dport 1009 reject with icmpx admin-prohibited
    tcp sport 1010 drop
    tcp sport 1011 tcp dport 49152-65535 drop
    tcp dport 1012 quota until 60 bytes drop
    tcp sport 1015 tcp flags & (fin | syn | rst | ack) == (syn | ack) quota until 60 bytes drop
    tcp dport 1016 tcp flags & (fin | syn | rst | ack) == syn quota until 60 bytes drop
    tcp dport 1016 tcp flags & fin == fin quota until 60 bytes drop
    tcp dport 1017 tcp flags & (syn | rst) == 0 drop
    tcp dport 1018 tcp flags & (fin | syn | rst | ack) == syn quota until 60 bytes drop
    tcp dport 1018 tcp flags & fin == fin drop
    udp dport 1001 drop
    udp dport 1003 reject with icmpx port-unreachable
    udp dport 1004 meta nfproto ipv4 reject with icmp net-unreachable
    udp dport 1009 reject with icmpx admin-prohibited
    udp sport 1010 drop
    ip daddr 10.2.0.3 icmp type echo-request drop
    ip daddr 10.2.0.4 icmp type echo-request reject with icmp admin-prohibited
    ip daddr 10.2.0.6 icmp type echo-request reject with icmp net-unreachable
    ip saddr 10.2.0.5 icmp type echo-reply drop
    ip daddr 10.2.0.8 meta length > 1400 drop
    ip6 daddr fd00:2::8 meta length > 1400 drop
    ip6 daddr fd00:2::3 icmpv6 type echo-request drop
    ip6 daddr fd00:2::4 icmpv6 type echo-request reject with icmpv6 admin-prohibited
  }
}
";

const CLIENT_FILTER: &str = "
table inet filter {
  chain output {
    type filter hook output priority 0; policy accept;
    tcp dport 1013 drop
    tcp dport 1014 reject with icmpx admin-prohibited
    udp dport 1013 drop
    udp dport 1014 reject with icmpx admin-prohibited
  }
}
";

/// Makes namespaces of its own for users, where it is not root, for networks and for mounts, with a
/// `/run` of its own in it, so that names of namespaces cannot collide with the system's. Must run
/// before the process has a second thread (unshare(2)).
pub(crate) fn enter() -> Result<(), String> {
    let explain = |step: &'static str| move |errno: nix::Error| format!("{step}: {}", errno.desc());
    let (user, group) = (geteuid(), getegid());
    let kinds = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS;
    if user.is_root() {
        unshare(kinds).map_err(explain("unshare"))?;
    } else {
        unshare(kinds | CloneFlags::CLONE_NEWUSER).map_err(explain("unshare"))?;
        let maps = [
            ("/proc/self/setgroups", "deny".to_owned()),
            ("/proc/self/uid_map", format!("0 {user} 1")),
            ("/proc/self/gid_map", format!("0 {group} 1")),
        ];
        for (file, map) in maps {
            fs::write(file, map).map_err(|error| format!("{file}: {error}"))?;
        }
    }
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).map_err(explain("mount /"))?;
    mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), Some("mode=755"))
        .map_err(explain("mount /run"))
}

/// Builds the world of the module's drawing.
pub(crate) fn build() {
    feed(Command::new("ip").args(["-batch", "-"]), LINKS);
    for name in ["client", "r1", "r2", "server"] {
        within(name, || settings(name));
    }
    feed(Command::new("ip").args(["-batch", "-"]), CABLES);
    for (name, lines) in [("client", CLIENT), ("r1", R1), ("r2", R2), ("server", SERVER)] {
        within(name, || feed(Command::new("ip").args(["-batch", "-"]), lines));
    }
    for (name, rules) in [("client", CLIENT_FILTER), ("r2", R2_FILTER)] {
        within(name, || feed(Command::new("nft").args(["-f", "-"]), rules));
    }
    for (name, cables) in [("client", 1), ("r1", 2), ("r2", 2), ("server", 1)] {
        within(name, || await_link_local(name, cables));
    }
}

/// Links come up in their own time, a second late on a busy machine, and without a link-local address
/// IPv6 asks for no neighbour.
fn await_link_local(name: &str, cables: usize) {
    const LINK_SCOPE: &str = " 20 ";
    for _ in 0..500 {
        let addresses = fs::read_to_string("/proc/thread-self/net/if_inet6").unwrap();
        if addresses.lines().filter(|line| line.contains(LINK_SCOPE)).count() == cables {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("{name}: no link-local addresses");
}

/// No limit on ICMP errors, no redirects, IPv6 addresses that serve at once (a router asks for its
/// neighbours from its link-local address, so before that is settled it forwards nothing), and in
/// the client a kernel that by itself would stop sending SYNs after 3 seconds.
fn settings(name: &str) {
    let set = |file: &str, value: &str| {
        let path = format!("/proc/sys/net/{file}");
        fs::write(&path, value).unwrap_or_else(|error| panic!("{path}: {error}"));
    };
    set("ipv4/icmp_ratelimit", "0");
    set("ipv6/icmp/ratelimit", "0");
    set("ipv6/conf/default/accept_dad", "0");
    set("ipv6/conf/default/dad_transmits", "0");
    if name.starts_with('r') {
        set("ipv4/ip_forward", "1");
        set("ipv6/conf/all/forwarding", "1");
        set("ipv4/conf/all/send_redirects", "0");
        set("ipv4/conf/default/send_redirects", "0");
    }
    if name == "client" {
        set("ipv4/tcp_syn_retries", "1");
        // Absent before Linux 6.5, which then behaves as zero does.
        let _ = fs::write("/proc/sys/net/ipv4/tcp_syn_linear_timeouts", "0");
    }
}

/// Lets everybody in the client's namespace ping without privileges (icmp(7)); in a user namespace the
/// groups that exist there.
pub(crate) fn permit_ping_sockets() {
    within("client", || {
        let path = "/proc/sys/net/ipv4/ping_group_range";
        let all = fs::write(path, "0 2147483647");
        all.or_else(|_| fs::write(path, "0 0")).unwrap_or_else(|error| panic!("{path}: {error}"));
    });
}

/// Runs `act` in a thread of its own inside a namespace; a process that it starts is inside, too.
pub(crate) fn within<T: Send>(name: &str, act: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let entered = scope.spawn(|| {
            let namespace = File::open(format!("{NAMES}/{name}")).unwrap();
            setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
            act()
        });
        entered.join().unwrap()
    })
}

/// Runs a command with `input` and gives its output; it has to succeed.
pub(crate) fn feed(command: &mut Command, input: &str) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}
