#include "bosen/cli/cli.h"

int main(int argc, char** argv) { return bosen::cli::run({argv, static_cast<std::size_t>(argc)}); }
