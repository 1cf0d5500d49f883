use std::cell::{Cell, RefCell};

use super::*;
use crate::host::{Recalled, Version};
use crate::testing::{TestHost, test};

/// What a request brings: something of the token's that must not get onto the
/// shelf.
const SESSION: &str = "refresh-token-in-the-clear";

/// Two workers or more over one shelf, and a clock.
struct Bed {
    host: TestHost,
    workers: Vec<Refresher<&'static str>>,
    now: Time,
}

fn bed(workers: usize, shared: bool) -> Bed {
    let workers: Vec<_> = (0..workers).map(|_| Refresher::new(shared)).collect();
    let host = TestHost::default();
    workers.iter().for_each(|worker| worker.prepare(&host));
    Bed { host, workers, now: Time::from_seconds(1_000_000) }
}

impl Bed {
    fn ask(&mut self, worker: usize, token: &str) -> String {
        word(self.workers[worker].ask(hash(token), &SESSION, &self.host, self.now))
    }

    /// How many calls begin, and whether something has settled.
    fn tick(&mut self, worker: usize) -> (usize, bool) {
        let due = self.workers[worker].tick(&self.host, self.now);
        assert!(due.begin.iter().all(|(_, carried)| *carried == SESSION));
        (due.begin.len(), due.settled)
    }

    fn finish(&mut self, worker: usize, token: &str, ending: Ending) {
        self.workers[worker].finish(hash(token), ending, &self.host, self.now);
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
    }

    fn step_back(&mut self, seconds: u64) {
        self.now = Time::from_millis(self.now.millis() - seconds * 1000);
    }

    /// What lies in the place of a token.
    fn place(&self, token: &str) -> String {
        let shelf = self.host.shelf.borrow();
        let value = &shelf[&format!("airgate.refresh.{}", hash(token).0[0])].0;
        String::from_utf8(value.clone()).unwrap()
    }

    fn lay(&self, token: &str, value: impl AsRef<[u8]>) {
        self.host.keep(&format!("airgate.refresh.{}", hash(token).0[0]), value.as_ref());
    }
}

fn hash(token: &str) -> TokenHash {
    TokenHash::of("https://idp", token, Time::default())
}

fn renewed(sealed: &str) -> Ending {
    Ending::Renewed(sealed.into())
}

fn word(standing: Standing) -> String {
    match standing {
        Standing::Pending => "pending".into(),
        Standing::Renewed(sealed) => sealed,
        Standing::Ended => "ended".into(),
        Standing::Outage => "outage".into(),
        Standing::ClientRefused => "refused".into(),
    }
}

/// Other tokens whose lines lie in the same place as that of `token`.
fn neighbours(token: &str) -> impl Iterator<Item = String> {
    let number = hash(token).0[0];
    (0..).map(|count| format!("neighbour-{count}")).filter(move |other| hash(other).0[0] == number)
}

#[test]
fn a_hash_tells_issuers_and_tokens_apart() {
    let hashes = [
        TokenHash::of("https://idp", "token", Time::default()),
        TokenHash::of("https://id", "ptoken", Time::default()),
        TokenHash::of("https://idpt", "oken", Time::default()),
        TokenHash::of("https://idp", "other", Time::default()),
        TokenHash::of("https://idp", "token", Time::from_millis(1)),
        TokenHash::of("", "https://idptoken", Time::default()),
    ];
    for (place, hash) in hashes.iter().enumerate() {
        assert!(!hashes[..place].contains(hash), "{place}");
    }
    assert_eq!(hash("token"), hashes[0]);
}

#[test]
fn one_call_answers_everybody() {
    for shared in [true, false] {
        let mut bed = bed(1, shared);
        assert_eq!([bed.ask(0, "a"), bed.ask(0, "a")], ["pending", "pending"]);
        assert_eq!([bed.tick(0), bed.tick(0)], [(1, false), (0, false)]);
        assert_eq!(bed.ask(0, "a"), "pending");
        bed.finish(0, "a", renewed("sealed"));
        assert_eq!(bed.ask(0, "a"), "sealed");
        bed.pass(119);
        assert_eq!(bed.ask(0, "a"), "sealed");
        assert_eq!(bed.tick(0), (0, false));
        bed.pass(1);
        assert_eq!(bed.ask(0, "a"), "pending", "the old token again after two minutes");
        assert_eq!(bed.tick(0), (1, false));
    }
}

#[test]
fn one_worker_calls_and_the_others_take_the_result() {
    for (ending, expected) in [
        (renewed("sealed"), "sealed"),
        (Ending::Ended, "ended"),
        (Ending::Outage, "outage"),
        (Ending::ClientRefused, "refused"),
    ] {
        let mut bed = bed(3, true);
        assert_eq!([bed.ask(0, "a"), bed.ask(1, "a")], ["pending", "pending"]);
        assert_eq!([bed.tick(1), bed.tick(0)], [(1, false), (0, false)]);
        bed.finish(1, "a", ending);
        assert_eq!([bed.ask(1, "a"), bed.ask(0, "a")], [expected, "pending"], "worker 0 looks on its tick");
        assert_eq!([bed.tick(0), bed.tick(1)], [(0, true), (0, false)]);
        assert_eq!(bed.ask(0, "a"), expected);
        assert_eq!(bed.ask(2, "a"), expected, "a worker that never asked before");
        assert_eq!(bed.tick(2), (0, false));
    }
}

#[test]
fn without_the_shelf_workers_know_nothing_of_each_other() {
    let mut bed = bed(2, false);
    assert!(bed.host.shelf.borrow().is_empty());
    assert_eq!([bed.ask(0, "a"), bed.ask(1, "a")], ["pending", "pending"]);
    assert_eq!([bed.tick(0), bed.tick(1)], [(1, false), (1, false)]);
    bed.finish(0, "a", renewed("sealed"));
    assert_eq!([bed.ask(0, "a"), bed.ask(1, "a")], ["sealed", "pending"]);
    assert!(bed.host.shelf.borrow().is_empty());
}

/// Neither a shelf, nor places, nor a compare-and-swap that works.
#[test]
fn a_host_that_has_less_than_promised_is_a_host_without_a_shelf() {
    struct Bare;
    impl Host for Bare {
        fn random(&self, _: &mut [u8]) -> bool {
            false
        }
    }
    struct Stubborn;
    impl Host for Stubborn {
        fn random(&self, _: &mut [u8]) -> bool {
            false
        }
        fn recall(&self, _: &str) -> Option<Recalled> {
            Some(Recalled { value: vec![], version: Version(0) })
        }
    }
    for host in [&Bare as &dyn Host, &Stubborn, &TestHost::default()] {
        let now = Time::from_seconds(1000);
        let mut worker = Refresher::new(true);
        assert_eq!(word(worker.ask(hash("a"), &SESSION, host, now)), "pending");
        assert_eq!(worker.tick(host, now).begin.len(), 1);
        worker.finish(hash("a"), renewed("sealed"), host, now);
        assert_eq!(word(worker.ask(hash("a"), &SESSION, host, now)), "sealed");
    }
}

#[test]
fn an_outage_backs_off_and_nobody_waits_meanwhile() {
    let mut bed = bed(2, true);
    bed.ask(0, "a");
    let mut rests = vec![];
    for _ in 0..9 {
        assert_eq!(bed.tick(0), (1, false));
        bed.finish(0, "a", Ending::Outage);
        let failed = bed.now;
        // Whoever asks goes on with what they have; the first who asks when the
        // rest is over causes the next try.
        while bed.tick(0) == (0, false) && !bed.place("a").contains("lease") {
            assert_eq!([bed.ask(0, "a"), bed.ask(1, "a")], ["outage", "outage"]);
            if bed.workers[0].entries.get(&hash("a")).is_some_and(|entry| matches!(entry, Entry::Wanted { .. })) {
                break;
            }
            bed.now = bed.now.plus(Duration::from_millis(100));
        }
        rests.push(bed.now.since(failed).as_millis());
        // Worker 1 would try as well, were it quicker; here it is the slower one.
        assert_eq!(bed.ask(1, "a"), "outage");
    }
    for (rest, base) in rests.iter().zip([1, 2, 4, 8, 16, 32, 60, 60, 60]) {
        assert!((base * 500..=base * 1000 + 100).contains(rest), "{rests:?}");
    }
    assert_eq!([bed.tick(0), bed.tick(1)], [(1, false), (0, false)]);
    bed.finish(0, "a", renewed("sealed"));
    assert_eq!(bed.tick(1), (0, true));
    assert_eq!([bed.ask(0, "a"), bed.ask(1, "a")], ["sealed", "sealed"]);
}

#[test]
fn an_outage_that_nobody_asked_about_is_forgotten() {
    let mut bed = bed(1, true);
    bed.ask(0, "a");
    bed.tick(0);
    bed.finish(0, "a", Ending::Outage);
    bed.pass(10);
    assert_eq!(bed.tick(0), (0, false), "without a request there is no next try");
    assert_eq!(bed.ask(0, "a"), "outage");
    assert_eq!(bed.tick(0), (1, false));
    bed.finish(0, "a", Ending::Outage);
    bed.pass(600);
    assert_eq!(bed.ask(0, "a"), "pending");
}

#[test]
fn a_lease_is_lost_with_its_time() {
    let mut bed = bed(2, true);
    bed.ask(0, "a");
    bed.ask(1, "a");
    assert_eq!([bed.tick(0), bed.tick(1)], [(1, false), (0, false)]);
    bed.now = bed.now.plus(LEASE - Duration::from_millis(1));
    assert_eq!([bed.tick(0), bed.tick(1)], [(0, false), (0, false)]);
    bed.now = bed.now.plus(Duration::from_millis(1));
    assert_eq!(bed.tick(1), (1, false), "another worker calls");
    assert_eq!(bed.tick(0), (0, true), "whoever waits for the lost call may go on");
    assert_eq!(bed.ask(0, "a"), "outage");
    bed.finish(1, "a", renewed("sealed"));
    bed.pass(2);
    assert_eq!(bed.ask(0, "a"), "outage");
    assert_eq!(bed.tick(0), (0, true));
    assert_eq!(bed.ask(0, "a"), "sealed");
}

/// Worker 0 calls and loses the lease; worker 1 calls too; then both answers
/// come, in either order, each of either kind.
#[test]
fn of_late_answers_a_new_session_wins_in_any_order() {
    let ending = |good: bool, sealed: &str| if good { renewed(sealed) } else { Ending::Ended };
    let cases: [(bool, bool, bool, &str); 8] = [
        // Worker 0 good, worker 1 good, worker 0's answer comes first.
        (true, true, true, "zero"),
        (true, true, false, "one"),
        (true, false, true, "zero"),
        (true, false, false, "zero"),
        (false, true, true, "one"),
        (false, true, false, "one"),
        (false, false, true, "ended"),
        (false, false, false, "ended"),
    ];
    for noticed in [true, false] {
        for (zero, one, first, expected) in cases {
            let mut bed = bed(3, true);
            bed.ask(0, "a");
            bed.tick(0);
            bed.pass(LEASE.as_secs());
            if noticed {
                bed.tick(0);
            }
            bed.ask(1, "a");
            assert_eq!(bed.tick(1), (1, false));
            if first {
                bed.finish(0, "a", ending(zero, "zero"));
                if !zero {
                    assert_eq!(bed.ask(0, "a"), "pending", "a late refusal is none while another calls");
                    assert_eq!(bed.tick(0), (0, false));
                }
            }
            bed.finish(1, "a", ending(one, "one"));
            if !first {
                bed.finish(0, "a", ending(zero, "zero"));
            }
            for worker in [0, 1, 2] {
                bed.ask(worker, "a");
                bed.tick(worker);
            }
            let standings = [bed.ask(0, "a"), bed.ask(2, "a")];
            assert_eq!(standings, [expected, expected], "{noticed} {zero} {one} {first}");
            // Worker 1 may have said that the session is over before it was not.
            let ours = if zero && !one && !first { "ended" } else { expected };
            assert_eq!(bed.ask(1, "a"), ours, "{noticed} {zero} {one} {first}");
        }
    }
}

#[test]
fn answers_that_come_twice_or_to_nobody_change_nothing() {
    for shared in [true, false] {
        let mut bed = bed(1, shared);
        bed.ask(0, "a");
        bed.tick(0);
        bed.finish(0, "a", renewed("sealed"));
        for again in [renewed("other"), Ending::Ended, Ending::Outage] {
            bed.finish(0, "a", again);
            assert_eq!(bed.ask(0, "a"), "sealed");
        }
        bed.ask(0, "b");
        bed.tick(0);
        bed.finish(0, "b", Ending::Ended);
        bed.finish(0, "b", Ending::Outage);
        assert_eq!(bed.ask(0, "b"), "ended");
        bed.finish(0, "b", renewed("after all"));
        assert_eq!(bed.ask(0, "b"), "after all");
        bed.finish(0, "c", renewed("unasked"));
        assert_eq!(bed.ask(0, "c"), "unasked", "a new session is worth keeping, whoever called for it");
    }
}

#[test]
fn a_clock_that_steps_back_holds_nobody_up() {
    let mut bed = bed(2, true);
    bed.ask(0, "a");
    bed.ask(1, "a");
    bed.tick(0);
    bed.step_back(3600);
    assert_eq!(bed.tick(1), (1, false), "a lease from the future is none");
    assert_eq!(bed.tick(0), (0, true));
    bed.finish(1, "a", renewed("sealed"));
    assert_eq!(bed.ask(1, "a"), "sealed");
    bed.step_back(3600);
    assert_eq!([bed.ask(0, "a"), bed.ask(1, "a")], ["pending", "pending"], "nor an outage, nor a result");

    let mut bed = self::bed(2, true);
    bed.ask(0, "b");
    bed.ask(1, "b");
    bed.tick(0);
    bed.step_back(10);
    assert_eq!([bed.tick(0), bed.tick(1)], [(0, false), (0, false)], "a small step is no step");
    bed.finish(0, "b", Ending::Outage);
    bed.step_back(30);
    assert_eq!(bed.ask(0, "b"), "outage");
    bed.pass(40);
    assert_eq!(bed.ask(0, "b"), "outage");
    assert_eq!(bed.tick(0), (1, false));

    let mut bed = self::bed(1, true);
    bed.now = Time::default();
    bed.ask(0, "c");
    assert_eq!(bed.tick(0), (1, false), "the clock of a host that was just born");
    bed.finish(0, "c", renewed("sealed"));
    assert_eq!(bed.ask(0, "c"), "sealed");
}

#[test]
fn what_is_not_ours_is_not_there() {
    let text = "x".repeat(20_000);
    let long = format!("{} 1000000000 renewed {}\n", "A".repeat(43), "x".repeat(20_000));
    let line = |line: &str| format!("{} {line}\n", "A".repeat(43)).into_bytes();
    let cases: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"\n".to_vec(),
        b"garbage".to_vec(),
        b"\xff\xfe\0".to_vec(),
        text.into_bytes(),
        long.into_bytes(),
        b"AAAA 1000000000 ended -\n".to_vec(),
        line("1000000000 ended"),
        line("1000000000 lease x"),
        line("1000000000 lease -1"),
        line("1000000000 outage 99999999999999999999"),
        line("99999999999999999999 ended -"),
        line("18446744073709551615 ended -"),
        line("1000000000 other -"),
        line("1000000000 ended - -"),
        [vec![b' '; 16_000], line("1000000000 ended -")].concat(),
    ];
    for case in cases {
        let mut bed = bed(2, true);
        bed.lay("a", &case);
        let shown = String::from_utf8_lossy(&case[..case.len().min(80)]).into_owned();
        assert_eq!([bed.ask(0, "a"), bed.ask(1, "a")], ["pending", "pending"], "{shown}");
        assert_eq!([bed.tick(0), bed.tick(1)], [(1, false), (0, false)], "{shown}");
        bed.lay("a", &case);
        bed.finish(0, "a", renewed("sealed"));
        assert_eq!(bed.tick(1), (0, true), "{shown}");
        assert_eq!(bed.ask(1, "a"), "sealed", "{shown}");
        assert!(bed.place("a").len() <= 16 << 10, "{shown}");
    }
}

#[test]
fn a_line_of_a_newer_version_is_not_misread() {
    let mut old = bed(1, true);
    old.ask(0, "a");
    old.tick(0);
    old.finish(0, "a", renewed("sealed"));
    let line = old.place("a");
    let newer = [line.replace(" renewed ", " renewed2 "), line.replace('\n', " more\n"), line.replacen(' ', " 2 ", 1)];
    for newer in newer {
        // The one that is asked for, or another's beside it.
        for place in [newer.clone(), format!("{line}{}", newer.replacen(|_| true, "A", 1))] {
            let mut bed = bed(1, true);
            bed.lay("a", &place);
            assert_eq!(bed.ask(0, "a"), "pending", "{place}");
            assert_eq!(bed.tick(0), (1, false), "{place}");
        }
    }
}

#[test]
fn every_byte_that_changes_on_the_shelf_leaves_the_old_session_or_none() {
    let mut bed = bed(1, true);
    bed.ask(0, "a");
    bed.tick(0);
    bed.finish(0, "a", renewed("sealed"));
    let value = bed.place("a").into_bytes();
    for place in 0..value.len() {
        for bit in 0..8 {
            let mut broken = value.clone();
            broken[place] ^= 1 << bit;
            bed.lay("a", &broken);
            let mut worker = Refresher::new(true);
            // The session itself is sealed: whoever opens it finds out.
            let _ = worker.ask(hash("a"), &SESSION, &bed.host, bed.now);
            assert!(worker.tick(&bed.host, bed.now).begin.len() <= 1);
        }
        bed.lay("a", &value[..place]);
        let mut worker = Refresher::new(true);
        let standing = word(worker.ask(hash("a"), &SESSION, &bed.host, bed.now));
        assert!(standing == "pending" || "sealed".starts_with(&standing), "{standing}");
    }
}

#[test]
fn only_hashes_and_sealed_sessions_lie_on_the_shelf() {
    let mut bed = bed(1, true);
    for (token, ending) in [("secret-a", renewed("sealed")), ("secret-b", Ending::Ended), ("secret-c", Ending::Outage)]
    {
        bed.ask(0, token);
        bed.tick(0);
        bed.finish(0, token, ending);
    }
    bed.ask(0, "secret-d");
    bed.tick(0);
    let shelf = bed.host.shelf.borrow();
    assert_eq!(shelf.len(), 256);
    let all: Vec<&str> = shelf.values().map(|(value, _)| std::str::from_utf8(value).unwrap()).collect();
    let all = all.concat();
    for part in ["sealed", "ended", "outage", "lease"] {
        assert_eq!(all.matches(part).count(), 1, "{part}");
    }
    for part in [SESSION, "secret", "https", "idp"] {
        assert!(!all.contains(part), "{part}");
    }
}

#[test]
fn tokens_of_one_place_do_not_disturb_each_other() {
    let mut bed = bed(2, true);
    let tokens: Vec<String> = neighbours("a").take(20).collect();
    for token in &tokens {
        bed.ask(0, token);
        bed.ask(1, token);
    }
    assert_eq!([bed.tick(0), bed.tick(1)], [(20, false), (0, false)]);
    for token in &tokens {
        bed.finish(0, token, renewed(&format!("{token}-{}", "x".repeat(600))));
    }
    assert_eq!(bed.tick(1), (0, true));
    for token in &tokens {
        assert!(bed.ask(1, token).starts_with(token));
    }
}

#[test]
fn a_place_stays_small_and_the_oldest_results_go() {
    let mut bed = bed(2, true);
    let tokens: Vec<String> = neighbours("a").take(12).collect();
    bed.ask(0, "a");
    assert_eq!(bed.tick(0), (1, false));
    for token in &tokens {
        bed.ask(0, token);
        assert_eq!(bed.tick(0), (1, false));
        bed.finish(0, token, renewed(&format!("{token}-{}", "x".repeat(5000))));
        assert!(bed.place("a").len() <= 16 << 10);
        bed.now = bed.now.plus(Duration::from_millis(10));
    }
    let kept: Vec<bool> = tokens.iter().map(|token| bed.ask(1, token).starts_with(token.as_str())).collect();
    assert_eq!(kept, [[false; 9].as_slice(), &[true; 3]].concat());
    assert!(bed.place("a").contains("lease"), "a call under way is never forgotten");
    assert_eq!(bed.ask(0, &tokens[0]).len(), tokens[0].len() + 5001, "the worker itself still knows");
}

#[test]
fn the_largest_session_is_shared_and_a_larger_one_stays_here() {
    for (length, shared) in [(3 * 3800, true), (17_000, false)] {
        let mut bed = bed(2, true);
        let sealed = "x".repeat(length);
        bed.ask(0, "a");
        bed.tick(0);
        bed.finish(0, "a", renewed(&sealed));
        assert_eq!(bed.ask(0, "a"), sealed);
        assert_eq!(bed.ask(1, "a") == sealed, shared);
    }
    let mut bed = bed(2, true);
    bed.finish(0, "a", renewed("no\nsealed text"));
    assert_eq!([bed.ask(0, "a"), bed.ask(1, "a")], ["no\nsealed text", "pending"]);
}

#[test]
fn a_tick_begins_32_calls() {
    for shared in [true, false] {
        let mut bed = bed(1, shared);
        (0..70).for_each(|count| drop(bed.ask(0, &format!("t{count}"))));
        assert_eq!([bed.tick(0), bed.tick(0), bed.tick(0), bed.tick(0)].map(|(begun, _)| begun), [32, 32, 6, 0]);
    }
}

#[test]
fn a_worker_looks_after_1024_tokens() {
    let mut bed = bed(1, true);
    for count in 0..1024 {
        assert_eq!(bed.ask(0, &format!("t{count}")), "pending");
    }
    assert_eq!(bed.ask(0, "one more"), "outage");
    assert_eq!(bed.ask(0, "t7"), "pending", "who is in stays in");
    while bed.tick(0).0 > 0 {}
    assert_eq!(bed.ask(0, "one more"), "outage");
    bed.finish(0, "t5", renewed("sealed-5"));
    bed.pass(1);
    bed.finish(0, "t6", renewed("sealed-6"));
    assert_eq!(bed.ask(0, "one more"), "pending", "the oldest result goes");
    assert_eq!(bed.workers[0].entries.len(), 1024);
    assert!(!bed.workers[0].entries.contains_key(&hash("t5")));
    assert_eq!(bed.ask(0, "t5"), "sealed-5", "and comes back from the shelf, where the next one goes");
    assert_eq!(bed.ask(0, "t6"), "sealed-6");
    assert_eq!(bed.workers[0].entries.len(), 1024);
    assert_eq!(bed.tick(0), (1, false));
}

#[test]
fn a_result_is_given_even_where_there_is_no_room_for_it() {
    let mut bed = bed(2, true);
    bed.finish(1, "a", renewed("sealed"));
    (0..1024).for_each(|count| drop(bed.ask(0, &format!("t{count}"))));
    assert_eq!(bed.ask(0, "a"), "sealed");
    assert_eq!(bed.workers[0].entries.len(), 1024);
}

#[test]
fn results_do_not_pile_up() {
    let mut bed = bed(1, true);
    for count in 0..3000 {
        let token = format!("t{count}");
        bed.ask(0, &token);
        bed.tick(0);
        bed.finish(0, &token, Ending::Ended);
        bed.now = bed.now.plus(Duration::from_millis(500));
        bed.tick(0);
        assert!(bed.workers[0].entries.len() <= 241, "{count}");
    }
    assert_eq!(bed.host.shelf.borrow().len(), 256);
}

#[test]
fn places_are_made_once_and_never_emptied() {
    let mut bed = bed(1, true);
    bed.finish(0, "a", renewed("sealed"));
    Refresher::<&str>::new(true).prepare(&bed.host);
    let mut reloaded = Refresher::new(true);
    assert_eq!(word(reloaded.ask(hash("a"), &SESSION, &bed.host, bed.now)), "sealed");
}

/// A host on whose `moment`th call another worker gets its turn first.
struct Interrupted<'a> {
    host: &'a TestHost,
    moment: Cell<usize>,
    turn: RefCell<Option<Box<dyn FnOnce() + 'a>>>,
}

impl Interrupted<'_> {
    fn before_call(&self) {
        let left = self.moment.get();
        self.moment.set(left.saturating_sub(1));
        if left == 0
            && let Some(turn) = self.turn.take()
        {
            turn();
        }
    }
}

impl Host for Interrupted<'_> {
    fn random(&self, bytes: &mut [u8]) -> bool {
        self.before_call();
        self.host.random(bytes)
    }
    fn keep(&self, name: &str, value: &[u8]) {
        self.before_call();
        self.host.keep(name, value);
    }
    fn recall(&self, name: &str) -> Option<Recalled> {
        self.before_call();
        self.host.recall(name)
    }
    fn replace(&self, name: &str, value: &[u8], version: Version) -> bool {
        self.before_call();
        self.host.replace(name, value, version)
    }
}

/// Between any two calls of one worker to the host, another worker may do
/// anything at all.
#[test]
fn a_worker_may_be_interrupted_anywhere() {
    for moment in 0..6 {
        for neighbour in [false, true] {
            let bed = bed(1, true);
            let (host, now) = (&bed.host, bed.now);
            let other_token = if neighbour { neighbours("a").next().unwrap() } else { "a".to_owned() };
            let (mut one, other) = (Refresher::new(true), RefCell::new(Refresher::new(true)));
            one.ask(hash("a"), &SESSION, host, now);
            other.borrow_mut().ask(hash(&other_token), &SESSION, host, now);
            let begun = Cell::new(0);

            // Both take the lease.
            let turn = || begun.set(begun.get() + other.borrow_mut().tick(host, now).begin.len());
            let turn = RefCell::new(Some(Box::new(turn) as Box<dyn FnOnce()>));
            let interrupted = Interrupted { host, moment: Cell::new(moment), turn };
            let ours = one.tick(&interrupted, now).begin.len();
            let late = interrupted.turn.take();
            let was_late = late.is_some();
            late.into_iter().for_each(|turn| turn());
            drop(interrupted);
            assert_eq!(ours + begun.get(), if neighbour { 2 } else { 1 }, "{moment} {was_late}");

            // Both leave a result; worker `other` an old refusal.
            let turn = || other.borrow_mut().finish(hash(&other_token), Ending::Ended, host, now);
            let turn = RefCell::new(Some(Box::new(turn) as Box<dyn FnOnce()>));
            let interrupted = Interrupted { host, moment: Cell::new(moment), turn };
            one.finish(hash("a"), renewed("sealed"), &interrupted, now);
            let late = interrupted.turn.take();
            late.into_iter().for_each(|turn| turn());
            drop(interrupted);
            let mut third = Refresher::new(true);
            assert_eq!(word(third.ask(hash("a"), &SESSION, host, now)), "sealed", "{moment}");
            if neighbour {
                assert_eq!(word(third.ask(hash(&other_token), &SESSION, host, now)), "ended", "{moment}");
            }
        }
    }
}

/// A small generator, so that a failing interleaving can be run again.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

/// Four workers, three tokens (two in one place), events in any order. The
/// provider takes each token once. Whatever happens there is one call for each,
/// and everybody gets its session.
#[test]
fn in_any_order_of_events_there_is_one_call_and_one_session() {
    let beside = neighbours("a").next().unwrap();
    let tokens = ["a", beside.as_str(), "b"];
    for seed in 0..300 {
        let mut dice = Dice(seed);
        let mut bed = bed(4, true);
        let mut under_way: Vec<(usize, TokenHash)> = vec![];
        let mut calls: HashMap<TokenHash, usize> = HashMap::new();
        for _ in 0..120 {
            let worker = dice.throw(4);
            match dice.throw(5) {
                0 | 1 => drop(bed.ask(worker, tokens[dice.throw(3)])),
                2 | 3 => {
                    for (hash, _) in bed.workers[worker].tick(&bed.host, bed.now).begin {
                        under_way.push((worker, hash));
                        *calls.entry(hash).or_default() += 1;
                    }
                }
                _ if !under_way.is_empty() => {
                    let (worker, hash) = under_way.swap_remove(dice.throw(under_way.len()));
                    let sealed = format!("sealed-{}", hash.0[1]);
                    bed.workers[worker].finish(hash, Ending::Renewed(sealed), &bed.host, bed.now);
                }
                _ => {}
            }
            // Fourteen seconds in all at most: no lease is lost.
            bed.now = bed.now.plus(Duration::from_millis(dice.throw(110) as u64));
        }
        for (worker, hash) in under_way {
            let sealed = format!("sealed-{}", hash.0[1]);
            bed.workers[worker].finish(hash, Ending::Renewed(sealed), &bed.host, bed.now);
        }
        assert!(calls.values().all(|count| *count == 1), "seed {seed}: {calls:?}");
        for token in tokens.iter().filter(|token| calls.contains_key(&hash(token))) {
            for worker in 0..4 {
                bed.ask(worker, token);
                bed.tick(worker);
                assert_eq!(bed.ask(worker, token), format!("sealed-{}", hash(token).0[1]), "seed {seed}");
            }
        }
    }
}

/// The same with a provider that answers as it likes or not at all, and a clock
/// that jumps: nothing is stuck, and a new session, once there, is what a
/// worker without memory finds.
#[test]
fn in_any_order_of_mishaps_nothing_is_stuck() {
    for seed in 0..300 {
        let mut dice = Dice(seed + 10_000);
        let mut bed = bed(3, true);
        let mut under_way = vec![];
        for _ in 0..200 {
            let worker = dice.throw(3);
            match dice.throw(8) {
                0..3 => drop(bed.ask(worker, "a")),
                3..6 => under_way.extend(bed.workers[worker].tick(&bed.host, bed.now).begin.iter().map(|_| worker)),
                6 if !under_way.is_empty() => {
                    let worker = under_way.swap_remove(dice.throw(under_way.len()));
                    match dice.throw(4) {
                        0 => bed.finish(worker, "a", Ending::Outage),
                        1 => bed.finish(worker, "a", Ending::Ended),
                        2 => {
                            bed.finish(worker, "a", renewed("sealed"));
                            let standing = Refresher::new(true).ask(hash("a"), &SESSION, &bed.host, bed.now);
                            assert_eq!(word(standing), "sealed", "seed {seed}");
                        }
                        _ => {}
                    }
                }
                _ => match dice.throw(6) {
                    0 => bed.step_back(dice.throw(200) as u64),
                    _ => bed.pass(dice.throw(9) as u64),
                },
            }
        }
        // Whatever state this is, it passes when nobody asks and no call comes
        // back; then a call begins and its result reaches everybody.
        for _ in 0..6 {
            bed.pass(600);
            let _ = [0, 1, 2].map(|worker| bed.tick(worker));
        }
        assert_eq!([0, 1, 2].map(|worker| bed.ask(worker, "a")), ["pending"; 3], "seed {seed}");
        let begun = [0, 1, 2].map(|worker| bed.tick(worker).0);
        assert_eq!(begun, [1, 0, 0], "seed {seed}");
        bed.finish(0, "a", renewed("sealed"));
        let _ = [0, 1, 2].map(|worker| bed.tick(worker));
        assert_eq!([0, 1, 2].map(|worker| bed.ask(worker, "a")), ["sealed"; 3], "seed {seed}");
    }
}

#[test]
fn a_failure_that_is_heard_of_late_counts_beside_those_before() {
    let mut bed = bed(1, true);
    bed.ask(0, "a");
    assert_eq!(bed.tick(0), (1, false));
    bed.pass(50);
    assert_eq!(bed.tick(0), (0, true), "the answer is lost");
    bed.pass(1);
    assert_eq!(bed.ask(0, "a"), "outage", "and it is to be asked again");
    bed.finish(0, "a", Ending::Outage);
    assert!(bed.place("a").ends_with(" outage 2\n"), "{}", bed.place("a"));
}

/// The provider did not authenticate the gateway: that it then falls silent does not give the session back.
#[test]
fn client_refusal_outlasts_later_outages_and_no_renewal() {
    let mut bed = bed(2, true);
    bed.ask(0, "a");
    assert_eq!(bed.tick(0), (1, false));
    bed.finish(0, "a", Ending::ClientRefused);
    assert!(bed.place("a").ends_with(" refused 1\n"), "{}", bed.place("a"));
    for count in 2..5 {
        bed.pass(60);
        assert_eq!([bed.ask(0, "a"), bed.ask(1, "a")], ["refused", "refused"], "{count}");
        assert_eq!(bed.tick(1), (1, false));
        assert_eq!([bed.ask(0, "a"), bed.ask(1, "a")], ["refused", "refused"], "a call is on its way");
        bed.finish(1, "a", Ending::Outage);
        assert!(bed.place("a").ends_with(&format!(" refused {count}\n")), "{}", bed.place("a"));
    }
    bed.pass(60);
    bed.ask(0, "a");
    bed.tick(0);
    bed.finish(0, "a", renewed("sealed"));
    assert_eq!(bed.ask(0, "a"), "sealed");
}
