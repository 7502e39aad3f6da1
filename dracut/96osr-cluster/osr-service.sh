#!/bin/sh
# osr-service.sh ROOT PROGRAM [ARGUMENT...]: run a cluster service in a root and in mounts of its own.
# Called in a mount namespace of its own.
root=$1
program=$2
shift 2
# dlm_controld looks for its devices where udev links them, and udev may not have come to it yet.
mkdir -p /dev/misc
for device in /dev/dlm*; do
    [ -e "$device" ] && ln -sf "$device" "/dev/misc/${device##*/}"
done
mount -t proc proc "$root/proc" && mount -t sysfs sysfs "$root/sys" && mount -t configfs configfs "$root/sys/kernel/config" \
    && mount --rbind /dev "$root/dev" && mount --bind /run "$root/run" && cd "$root" || exit 1
exec chroot . "@$program" "$@"
