//! Typed positions and the tables they belong to: a `SuiteIx` cannot be used to look up a batch.
//!
//! A position is made only when a `Problem` is built (or a request is resolved against it), so it
//! is in range for every table of that problem. Used with a table of *another* problem it may be
//! out of range; whoever takes plans from outside asks `find`, never `table[ix]`.

use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

/// A position in one kind of table.
pub(crate) trait Position: Copy {
    fn at(row: usize) -> Self;
    fn row(self) -> usize;
}

macro_rules! positions {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);

        impl $name {
            /// The row of this item in the specification's list, counted from 0.
            #[must_use]
            pub const fn row(self) -> usize {
                self.0 as usize
            }
        }

        impl Position for $name {
            fn at(row: usize) -> Self {
                Self(u32::try_from(row).unwrap_or(u32::MAX))
            }

            fn row(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

positions! {
    /// An airlock.
    AirlockIx;
    /// A batch of the problem.
    BatchIx;
    /// A changeover family: batches of one family need the same clean-up before and after.
    FamilyIx;
    /// An occupancy class: what co-occupancy rules are approved for.
    OccupancyIx;
    /// A resource pool: people of one qualification, or equipment of one kind.
    PoolIx;
    /// A route of one batch.
    RouteIx;
    /// A suite.
    SuiteIx;
    /// A tenant.
    TenantIx;
}

/// Rows addressed by one kind of position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table<I, T> {
    rows: Vec<T>,
    kind: PhantomData<I>,
}

impl<I: Position, T> Table<I, T> {
    pub(crate) fn new(rows: Vec<T>) -> Self {
        Self { rows, kind: PhantomData }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The row, or nothing when the position comes from another problem.
    pub(crate) fn find(&self, ix: I) -> Option<&T> {
        self.rows.get(ix.row())
    }

    pub(crate) fn positions(&self) -> impl DoubleEndedIterator<Item = I> + use<I, T> {
        (0..self.rows.len()).map(I::at)
    }

    pub(crate) fn pairs(&self) -> impl DoubleEndedIterator<Item = (I, &T)> {
        self.rows.iter().enumerate().map(|(row, value)| (I::at(row), value))
    }

    pub(crate) fn rows(&self) -> std::slice::Iter<'_, T> {
        self.rows.iter()
    }

    pub(crate) fn push(&mut self, value: T) -> I {
        self.rows.push(value);
        I::at(self.rows.len() - 1)
    }
}

#[expect(clippy::indexing_slicing, reason = "positions are made with the table they belong to")]
impl<I: Position, T> Index<I> for Table<I, T> {
    type Output = T;

    fn index(&self, ix: I) -> &T {
        &self.rows[ix.row()]
    }
}

#[expect(clippy::indexing_slicing, reason = "positions are made with the table they belong to")]
impl<I: Position, T> IndexMut<I> for Table<I, T> {
    fn index_mut(&mut self, ix: I) -> &mut T {
        &mut self.rows[ix.row()]
    }
}
