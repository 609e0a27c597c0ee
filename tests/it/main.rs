//! The one integration binary. Add a file here and a line below; a second binary would link everything twice.

#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod tidy;
