//! A queue in which the jobs of one do not hold up those of another.

use std::collections::VecDeque;

/// Jobs that wait, in a queue for each in whose turn they come. These take turns; within one the first comes first.
pub struct FairQueue<S, T> {
    turns: VecDeque<(S, VecDeque<T>)>,
    length: usize,
}

impl<S, T> Default for FairQueue<S, T> {
    fn default() -> Self {
        FairQueue { turns: VecDeque::new(), length: 0 }
    }
}

impl<S: Copy + PartialEq, T> FairQueue<S, T> {
    /// Adds a job behind those of the same turn.
    pub fn push(&mut self, turn: S, job: T) {
        self.length += 1;
        match self.turns.iter_mut().find(|(other, _)| *other == turn) {
            Some((_, jobs)) => jobs.push_back(job),
            None => self.turns.push_back((turn, VecDeque::from([job]))),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// In whose turns jobs wait.
    pub(super) fn turns(&self) -> impl Iterator<Item = &S> {
        self.turns.iter().map(|(turn, _)| turn)
    }

    /// The next job, of who has waited longest since the last one.
    pub fn pop(&mut self) -> Option<T> {
        self.pop_together(1, |_| true, |_, _| false)?.1.pop()
    }

    /// The next job of those that may be popped and those that belong to it, one of each turn after the other, at most `limit`
    /// of them; with the turn of the first.
    pub(super) fn pop_together(
        &mut self,
        limit: usize,
        may: impl Fn(&S) -> bool,
        belong: impl Fn(&S, &S) -> bool,
    ) -> Option<(S, Vec<T>)> {
        let mut at = self.turns.iter().position(|(turn, _)| may(turn))?;
        let first = self.turns[at].0;
        let mut popped = Vec::new();
        while popped.len() < limit
            && let Some((turn, _)) = self.turns.get(at)
        {
            if *turn != first && !belong(&first, turn) {
                at += 1;
                continue;
            }
            let (turn, mut jobs) = self.turns.remove(at)?;
            popped.extend(jobs.pop_front());
            if !jobs.is_empty() {
                self.turns.push_back((turn, jobs));
            }
        }
        self.length -= popped.len();
        Some((first, popped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> FairQueue<char, u32> {
        let mut queue = FairQueue::default();
        for (scope, job) in [('a', 1), ('a', 2), ('a', 3), ('b', 4), ('a', 5), ('c', 6), ('b', 7)] {
            queue.push(scope, job);
        }
        queue
    }

    #[test]
    fn scopes_take_turns() {
        let mut queue = queue();
        assert_eq!(std::iter::from_fn(|| queue.pop()).collect::<Vec<_>>(), [1, 4, 6, 2, 7, 3, 5]);
        assert!(queue.is_empty());
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn jobs_of_one_turn_are_popped_together_up_to_a_limit() {
        let mut queue = queue();
        let popped: Vec<_> = std::iter::from_fn(|| queue.pop_together(3, |_| true, |_, _| false)).collect();
        assert_eq!(popped, [('a', vec![1, 2, 3]), ('b', vec![4, 7]), ('c', vec![6]), ('a', vec![5])]);
        assert!(queue.is_empty());
    }

    #[test]
    fn turns_that_belong_together_are_popped_in_turns() {
        let mut queue = queue();
        let belong = |first: &char, other: &char| "ac".contains(*first) && "ac".contains(*other);
        let popped: Vec<_> = std::iter::from_fn(|| queue.pop_together(3, |_| true, belong)).collect();
        assert_eq!(popped, [('a', vec![1, 6, 2]), ('b', vec![4, 7]), ('a', vec![3, 5])]);
    }

    #[test]
    fn turns_that_may_not_be_popped_wait() {
        let mut queue = queue();
        let popped: Vec<_> =
            std::iter::from_fn(|| queue.pop_together(3, |turn| *turn != 'a', |_, _| false)).collect();
        assert_eq!(popped, [('b', vec![4, 7]), ('c', vec![6])]);
        assert_eq!(queue.len(), 4);
        assert_eq!(queue.pop(), Some(1));
    }
}
