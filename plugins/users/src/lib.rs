//! plugins/users
