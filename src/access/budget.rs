//! How much an agent may change in a minute.

use std::rc::Rc;
use std::time::Duration;

use crate::time::Time;

const MINUTE: Duration = Duration::from_secs(60);

/// How many agents are counted at once. Beyond, the one whose minute began
/// first is forgotten.
const CAPACITY: usize = 1024;

/// One call, to be counted against a budget.
#[derive(Clone, Debug)]
pub(super) struct Charge {
    /// Whose: entry, issuer and principal.
    pub principal: Rc<str>,
    /// Calls a minute.
    pub limit: u32,
}

/// What agents have spent, in this worker.
#[derive(Default)]
pub(super) struct Budgets {
    spent: Vec<Spent>,
}

struct Spent {
    principal: Rc<str>,
    /// When its minute began: with the first call after the last one.
    began: Time,
    calls: u32,
}

impl Budgets {
    /// Counts a call; the error is how long until the next one.
    pub fn spend(&mut self, charge: &Charge, now: Time) -> Result<(), Duration> {
        let at = self.spent.iter().position(|spent| spent.principal == charge.principal);
        let at = at.unwrap_or_else(|| self.open(&charge.principal, now));
        let Some(spent) = self.spent.get_mut(at) else {
            return Ok(());
        };
        // A clock that was set back must not stretch the minute.
        spent.began = spent.began.min(now);
        let past = now.since(spent.began);
        if past >= MINUTE {
            (spent.began, spent.calls) = (now, 0);
        } else if spent.calls >= charge.limit {
            return Err(MINUTE.saturating_sub(past));
        }
        spent.calls = spent.calls.saturating_add(1);
        Ok(())
    }

    /// How long until the next call, where none is left.
    pub fn rest(&self, charge: &Charge, now: Time) -> Option<Duration> {
        let spent = self.spent.iter().find(|spent| spent.principal == charge.principal)?;
        let past = now.since(spent.began.min(now));
        (past < MINUTE && spent.calls >= charge.limit).then(|| MINUTE.saturating_sub(past))
    }

    fn open(&mut self, principal: &Rc<str>, now: Time) -> usize {
        let spent = Spent { principal: Rc::clone(principal), began: now, calls: 0 };
        let full = self.spent.len() >= CAPACITY;
        let oldest = self.spent.iter().enumerate().min_by_key(|(_, spent)| spent.began).map(|(at, _)| at);
        match oldest.filter(|_| full).and_then(|at| Some((at, self.spent.get_mut(at)?))) {
            Some((at, place)) => {
                *place = spent;
                at
            }
            None => {
                self.spent.push(spent);
                self.spent.len().saturating_sub(1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn spend(budgets: &mut Budgets, principal: &str, limit: u32, seconds: u64) -> Result<(), u64> {
        let charge = Charge { principal: principal.into(), limit };
        let now = Time::from_seconds(seconds);
        let rest = budgets.rest(&charge, now);
        let spent = budgets.spend(&charge, now);
        assert_eq!(spent.err(), rest, "looking ahead");
        spent.map_err(|rest| rest.as_secs())
    }

    #[test]
    fn each_principal_has_a_minute_of_its_own() {
        let mut budgets = Budgets::default();
        for (principal, second, expected) in [
            ("a", 100, Ok(())),
            ("a", 130, Ok(())),
            ("a", 131, Err(29)),
            ("b", 131, Ok(())),
            ("a", 159, Err(1)),
            ("a", 160, Ok(())),
            ("a", 219, Ok(())),
            ("a", 219, Err(1)),
            // The clock was set back: at most a minute more.
            ("a", 10, Err(60)),
            ("a", 69, Err(1)),
            ("a", 70, Ok(())),
        ] {
            assert_eq!(spend(&mut budgets, principal, 2, second), expected, "{principal} at {second}");
        }
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_minute_goes() {
        let mut budgets = Budgets::default();
        assert_eq!(spend(&mut budgets, "first", 1, 0), Ok(()));
        for index in 0..CAPACITY {
            assert_eq!(spend(&mut budgets, &index.to_string(), 1, 1), Ok(()));
        }
        assert_eq!(budgets.spent.len(), CAPACITY);
        assert_eq!(spend(&mut budgets, "first", 1, 2), Ok(()), "forgotten");
        assert_eq!(spend(&mut budgets, "1000", 1, 2), Err(59), "remembered");
    }
}
