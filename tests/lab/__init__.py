"""The lab: real machines in QEMU, without privileges, for tests, demo and benchmark."""
