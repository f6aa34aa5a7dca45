;;; emacs.el --- The editor of docs/pictures/make  -*- lexical-binding: t; -*-

;; The configuration of editors/emacs/README.md, with the list of diagnostics below the file.

(package-initialize)
(add-to-list 'load-path (expand-file-name "editors/emacs" (getenv "REPOSITORY")))
(require 'cooper)
(setq cooper-program (getenv "COOPER")
      inhibit-startup-screen t
      create-lockfiles nil)
(menu-bar-mode -1)
(add-hook 'dockerfile-mode-hook #'eglot-ensure)
(defun picture-list ()
  "Show the diagnostics of the file below it, by line."
  (let ((list-window (progn (flymake-show-buffer-diagnostics) (get-buffer-window (flymake--diagnostics-buffer-name)))))
    (when list-window (set-window-text-height list-window 16))))
(add-hook 'eglot-managed-mode-hook (lambda () (run-with-timer 1 nil #'picture-list)))

;;; emacs.el ends here
