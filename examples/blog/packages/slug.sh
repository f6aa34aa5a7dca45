#!/bin/sh
# Installs `slug`: a title as the name of a file.
set -eu
mkdir -p "$1/bin"
cat > "$1/bin/slug" << 'EOF'
#!/bin/sh
printf '%s\n' "$*" | tr 'A-Z ' 'a-z-' | sed 's/[^a-z0-9-]//g'
EOF
chmod 755 "$1/bin/slug"
