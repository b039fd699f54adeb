//! A queue in which the jobs of one scope do not hold up those of another.

use std::collections::VecDeque;

/// Jobs that wait, in a queue for each scope. Scopes take turns; within a scope the first comes first.
pub struct FairQueue<S, T> {
    scopes: VecDeque<(S, VecDeque<T>)>,
    length: usize,
}

impl<S, T> Default for FairQueue<S, T> {
    fn default() -> Self {
        FairQueue { scopes: VecDeque::new(), length: 0 }
    }
}

impl<S: Copy + PartialEq, T> FairQueue<S, T> {
    /// Adds a job behind those of its scope.
    pub fn push(&mut self, scope: S, job: T) {
        self.length += 1;
        match self.scopes.iter_mut().find(|(other, _)| *other == scope) {
            Some((_, jobs)) => jobs.push_back(job),
            None => self.scopes.push_back((scope, VecDeque::from([job]))),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The next job, of the scope that has waited longest since its last one.
    pub fn pop(&mut self) -> Option<T> {
        self.pop_of_scope(1)?.1.pop()
    }

    /// The next jobs of one scope, at most `limit` of them.
    pub(super) fn pop_of_scope(&mut self, limit: usize) -> Option<(S, Vec<T>)> {
        let (scope, mut jobs) = self.scopes.pop_front()?;
        let popped: Vec<T> = jobs.drain(..limit.min(jobs.len())).collect();
        self.length -= popped.len();
        if !jobs.is_empty() {
            self.scopes.push_back((scope, jobs));
        }
        Some((scope, popped))
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
    fn jobs_of_one_scope_are_popped_together_up_to_a_limit() {
        let mut queue = queue();
        let popped: Vec<_> = std::iter::from_fn(|| queue.pop_of_scope(3)).collect();
        assert_eq!(popped, [('a', vec![1, 2, 3]), ('b', vec![4, 7]), ('c', vec![6]), ('a', vec![5])]);
        assert!(queue.is_empty());
    }
}
