#!/bin/bash
# What building an image with 95osr and with 96osr-cluster shares. Sourced by module-setup.sh; not in the image.

# What unmounts the root at shutdown, kept in memory by the stage "shutdown".
osr_shutdown_programs="umount mount poweroff reboot halt losetup stat sleep timeout mkdir cat ls rm"

# osr_shutdown_list PROGRAM...: print every file that the shutdown needs with these programs: their libraries too, and the
# links that lead to them.
osr_shutdown_list() {
    local _program _path
    {
        for _path in "$dracutbasedir"/modules.d/*base/dracut*lib.sh; do
            echo "/lib/${_path##*/}"
        done
        echo /bin/sh
        _program=$(readlink -f "$initdir/bin/sh") # the image's shell need not be this machine's
        for _program in "${_program#"$initdir"}" "$@"; do
            _program=$(command -v "$_program")
            echo "$_program"
            readlink -f "$_program"
            ldd "$_program" 2> /dev/null | sed -n 's|^[^/]*\(/[^ ]*\) (0x.*|\1|p' | while read -r _path; do
                echo "$_path"
                readlink -f "$_path"
            done
        done
    } | while read -r _path; do
        # Each file once, below its real directory; /bin and /lib come along as the links that they may be.
        echo "$(readlink -f "${_path%/*}/")/${_path##*/}" | sed 's|^//|/|'
    done | sort -u
    for _path in /bin /sbin /lib /lib64; do
        [[ -L $_path ]] && echo "$_path"
    done
    # Last: systemd changes to this tree only if it finds this file, so half a tree is never used.
    echo /shutdown
}
