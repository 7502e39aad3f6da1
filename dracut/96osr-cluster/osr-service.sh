#!/bin/sh
# osr-service.sh ROOT PROGRAM [ARGUMENT...]: run a cluster service in a root of its own; called in a mount namespace of its own
root=$1
program=$2
shift 2
mount -t proc proc "$root/proc" && mount -t sysfs sysfs "$root/sys" && mount -t configfs configfs "$root/sys/kernel/config" \
    && mount --rbind /dev "$root/dev" && mount --bind /run "$root/run" || exit 1
cd "$root" || exit 1
exec chroot . "@$program" "$@"
