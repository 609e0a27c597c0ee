//! The one integration binary. Add a file here and a line below; a second binary would link everything twice.

mod tidy;
