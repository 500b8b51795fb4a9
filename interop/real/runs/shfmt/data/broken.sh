echo a  b;  echo c
if x;then y;fi
if true; then
  echo "never closed
fi
