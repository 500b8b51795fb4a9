#!/bin/sh
if [ "$1" = "-v" ];then
set -x;shift
fi
for f in "$@";do case "$f" in
*.gz) gunzip -c "$f"|wc -l;;
*)  wc -l <"$f" ;;
esac;done
greet(){ echo "hello, ${1:-world}" >&2;}
cat <<EOF |tr a-z A-Z
  kept   as it is: $(date +%s)
EOF
