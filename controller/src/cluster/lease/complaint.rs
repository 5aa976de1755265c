//! What there is to say about requests that fail: that they do, once, and once that it is over.

use super::candidate::{Answer, Request};

/// What an answer tells about whether the Lease can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It can't, at least now.
    Failed,
    /// It can be made or taken.
    Written,
    /// It can be looked at, which is enough while another renews it.
    Seen,
    /// That it changes, or isn't there yet, is part of the game.
    Nothing,
}

/// What to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Failing,
    Over,
}

/// Whether it is known that the Lease can't be used.
#[derive(Debug, Default)]
pub(super) struct Complaint {
    failing: bool,
}

impl Heard {
    pub(super) fn of(request: &Request, answer: &Answer) -> Self {
        match (request, answer) {
            (_, Answer::Failed | Answer::Refused) => Self::Failed,
            (Request::Look, Answer::Found(_)) => Self::Seen,
            (Request::Create(_) | Request::Replace(_), Answer::Found(_)) => Self::Written,
            (_, Answer::Absent | Answer::Conflict) => Self::Nothing,
        }
    }
}

impl Complaint {
    /// Takes in what was heard; `follows` is whether another renews the Lease, by what was seen of it.
    /// Who may look at it but not take it hears nothing that ends the complaint.
    pub(super) fn hear(&mut self, heard: Heard, follows: bool) -> Option<Word> {
        let before = self.failing;
        match heard {
            Heard::Failed => self.failing = true,
            Heard::Written => self.failing = false,
            Heard::Seen if follows => self.failing = false,
            Heard::Seen | Heard::Nothing => {}
        }
        match (before, self.failing) {
            (false, true) => Some(Word::Failing),
            (true, false) => Some(Word::Over),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::coordination::v1::Lease;

    use super::*;

    fn heard(request: &Request, answer: Answer) -> Heard {
        Heard::of(request, &answer)
    }

    #[test]
    fn who_may_look_but_not_take_is_told_once() {
        let (mut complaint, lease) = (Complaint::default(), Lease::default());
        let found = || Answer::Found(Box::default());
        let (take, make) = (Request::Replace(lease.clone()), Request::Create(lease));
        let mut words = Vec::new();
        for (request, there) in [(&take, found()), (&make, Answer::Absent), (&take, found())] {
            words.extend(complaint.hear(heard(&Request::Look, there), false));
            words.extend(complaint.hear(heard(request, Answer::Refused), false));
        }
        assert_eq!(words, [Word::Failing]);
        assert_eq!(complaint.hear(heard(&make, Answer::Conflict), false), None);
        let made = complaint.hear(heard(&make, found()), false);
        assert_eq!(made, Some(Word::Over));
        assert_eq!(complaint.hear(heard(&take, found()), false), None);
    }

    #[test]
    fn a_follower_is_content_with_looking() {
        let mut complaint = Complaint::default();
        let look = |answer| heard(&Request::Look, answer);
        let failed = complaint.hear(look(Answer::Failed), true);
        assert_eq!(failed, Some(Word::Failing));
        let seen = look(Answer::Found(Box::default()));
        assert_eq!(complaint.hear(seen, false), None);
        assert_eq!(complaint.hear(seen, true), Some(Word::Over));
    }
}
