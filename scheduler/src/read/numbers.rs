//! Lines and whole numbers of a text format, with the line kept for what has to be said about them.
//! Knows no format.

use std::str::FromStr;

/// Text that is not the format it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {wrong}; {remedy}")]
pub struct ProjectTextError {
    /// Line of the text, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub wrong: String,
    /// What to do about it.
    pub remedy: String,
}

impl ProjectTextError {
    pub(super) fn new(line: usize, wrong: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { line, wrong: wrong.into(), remedy: remedy.into() }
    }
}

/// One line that is not blank.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) number: usize,
    pub(super) text: &'a str,
}

/// The lines of a text one after another, blank ones left out.
#[derive(Debug, Clone)]
pub(super) struct Lines<'a> {
    all: Vec<Line<'a>>,
    next: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let lines = text.lines().enumerate().map(|(row, text)| Line { number: row + 1, text: text.trim() });
        Self { all: lines.filter(|line| !line.text.is_empty()).collect(), next: 0 }
    }

    pub(super) fn peek(&self) -> Option<Line<'a>> {
        self.all.get(self.next).copied()
    }

    /// The next line, or a refusal that says what is missing at the end.
    pub(super) fn take(&mut self, missing: &str) -> Result<Line<'a>, ProjectTextError> {
        let line = self.peek().ok_or_else(|| {
            let last = self.all.last().map_or(1, |line| line.number);
            ProjectTextError::new(last, format!("the text ends before {missing}"), "give the whole file")
        })?;
        self.next += 1;
        Ok(line)
    }

    /// How many lines are left; an upper bound for whatever is told by the line.
    pub(super) fn left(&self) -> usize {
        self.all.len().saturating_sub(self.next)
    }
}

/// All whole numbers of a line.
pub(super) fn numbers<N: FromStr>(line: Line) -> Result<Vec<N>, ProjectTextError> {
    line.text.split_whitespace().map(|word| number(line.number, word)).collect()
}

/// One whole number.
pub(super) fn number<N: FromStr>(line: usize, word: &str) -> Result<N, ProjectTextError> {
    word.parse().map_err(|_| {
        let shown: String = word.chars().take(40).collect();
        ProjectTextError::new(
            line,
            format!("{shown:?} is not a number that fits here"),
            "write a plain whole number in range",
        )
    })
}
