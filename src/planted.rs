//! Bugs on purpose: they show that the simulation would find such a bug.
//!
//! A place that can have one asks `planted!(Bug)`, which is `false` in every build but that of
//! `scripts/planted-bugs` (`--cfg healthgate_planted`), and costs nothing there.

#[cfg(not(healthgate_planted))]
macro_rules! planted {
    ($bug:ident) => {
        false
    };
}

#[cfg(healthgate_planted)]
macro_rules! planted {
    ($bug:ident) => {
        $crate::planted::is_planted($crate::planted::Bug::$bug)
    };
}

#[cfg(healthgate_planted)]
pub use self::bench::{Bug, Planted, is_planted};

#[cfg(healthgate_planted)]
mod bench {
    use std::cell::Cell;

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// A bug in this thread's runs, until it is dropped.
    #[derive(Debug)]
    pub struct Planted(());

    impl Planted {
        /// Plants a bug in this thread.
        #[must_use]
        pub fn new(bug: Bug) -> Self {
            PLANTED.set(Some(bug));
            Self(())
        }
    }

    impl Drop for Planted {
        fn drop(&mut self) {
            PLANTED.set(None);
        }
    }

    /// Whether this bug is planted in this thread.
    #[must_use]
    pub fn is_planted(bug: Bug) -> bool {
        PLANTED.get() == Some(bug)
    }

    macro_rules! bugs {
        ($($(#[$doc:meta])* $bug:ident,)*) => {
            /// A bug that can be planted.
            #[derive(Clone, Copy, PartialEq, Eq, Debug)]
            pub enum Bug {
                $($(#[$doc])* $bug,)*
            }

            impl Bug {
                /// All of them.
                pub const ALL: &[Self] = &[$(Self::$bug,)*];
            }
        };
    }

    bugs! {
        /// The close belongs to the window.
        CloseInclusive,
        /// A result counts however old it is.
        StaleCounts,
        /// A pass lasts beyond the end.
        PassOutlivesWindow,
        /// What could not be observed counts as healthy.
        UnknownIsHealthy,
        /// A shortened window is not noticed.
        ShorteningIgnored,
        /// A lease is good beyond its end.
        LeaseOutlived,
        /// A pass is good twice.
        SpentTwice,
        /// A cancelled gate's pass is good.
        CancellationLoses,
        /// An expired pass is good.
        ExpiredPassSpent,
        /// An override lasts beyond its expiry.
        OverrideOutlived,
        /// An override covers later revisions.
        OverrideOfLaterRevision,
        /// An override counts without a right to it.
        RightNotAsked,
        /// A check without a result is met.
        MissingPasses,
        /// A gate does not wait for its window to open.
        EarlyStart,
        /// A gate's time goes back with the clock.
        NoHighWater,
        /// The end of an attempt brings an older time back.
        OlderStepWritten,
        /// Results of earlier revisions count.
        OldRevisionCounts,
        /// What was seen at another agent counts.
        OldAgentCounts,
        /// Results from before a pass that was not spent count.
        VoidCounts,
        /// A change during a run does not make the host due.
        ChangeForgotten,
        /// A claim takes what is held.
        HeldIsTaken,
        /// Tokens start again with a new row.
        TokenReused,
        /// Attempts do not keep their distance.
        AttemptsCrowd,
        /// The window is not asked for again when a pass is spent.
        NoLastLook,
        /// The clock is not watched while there is nothing to do.
        IdleClockUnwatched,
        /// A row of healthy runs leaves out what failed between them.
        GapsIgnored,
    }
}
