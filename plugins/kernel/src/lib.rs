//! plugins/kernel
